-- The sample database `shop`: the same rows every time, 231,010 of them.
-- Loaded in one transaction, so that it is either whole or not there.

CREATE TYPE order_status AS ENUM ('open', 'paid', 'sent', 'returned');

CREATE TABLE categories (
  id integer PRIMARY KEY,
  name text NOT NULL UNIQUE
);

CREATE TABLE customers (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL UNIQUE,
  name text NOT NULL,
  profile jsonb NOT NULL,
  joined_at timestamptz NOT NULL
);

CREATE TABLE products (
  id integer PRIMARY KEY,
  category_id integer NOT NULL REFERENCES categories,
  name text NOT NULL,
  price numeric(10, 2) NOT NULL CHECK (price > 0),
  tags text[] NOT NULL,
  photo oid
);

CREATE SEQUENCE invoice_number START 100000;

CREATE TABLE orders (
  id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  invoice bigint NOT NULL UNIQUE DEFAULT nextval('invoice_number'),
  status order_status NOT NULL,
  ordered_at timestamptz NOT NULL,
  note text
);
ALTER SEQUENCE invoice_number OWNED BY orders.invoice;

CREATE TABLE order_items (
  order_id integer NOT NULL REFERENCES orders ON DELETE CASCADE,
  line smallint NOT NULL,
  product_id integer NOT NULL REFERENCES products,
  quantity integer NOT NULL CHECK (quantity > 0),
  unit_price numeric(10, 2) NOT NULL,
  total numeric(12, 2) GENERATED ALWAYS AS (quantity * unit_price) STORED,
  PRIMARY KEY (order_id, line)
);

INSERT INTO categories
SELECT n, 'category ' || n FROM generate_series(1, 10) AS n;

INSERT INTO customers (email, name, profile, joined_at)
SELECT
  'customer' || n || '@example.com',
  initcap(substr(translate(md5(n::text), '0123456789', 'ghijklmnop'), 1, 9)),
  jsonb_build_object('language', (ARRAY['en', 'de', 'fr', 'ja'])[1 + n % 4], 'points', n * 37 % 1000,
    'address', jsonb_build_object('city', 'Überlingen ' || n % 90, 'zip', lpad((n * 7919 % 99999)::text, 5, '0'))),
  timestamptz '2020-01-01 00:00:00+00' + n * interval '97 minutes'
FROM generate_series(1, 20000) AS n;

INSERT INTO products (id, category_id, name, price, tags)
SELECT
  n, 1 + n % 10, 'product ' || md5('p' || n), 1 + n * 7919 % 50000 / 100.0,
  ARRAY['tag' || n % 17, 'tag' || n % 23]
FROM generate_series(1, 1000) AS n;

INSERT INTO orders (id, customer_id, status, ordered_at, note)
SELECT
  n, 1 + n::bigint * 7919 % 20000, (ARRAY['open', 'paid', 'sent', 'returned'])[1 + n % 4]::order_status,
  timestamptz '2023-06-01 00:00:00+00' + n * interval '13 minutes',
  CASE WHEN n % 5 = 0 THEN E'leave at the door\n' || md5('o' || n) END
FROM generate_series(1, 60000) AS n;

INSERT INTO order_items (order_id, line, product_id, quantity, unit_price)
SELECT o, line, 1 + (o * 31 + line * 101) % 1000, 1 + (o + line) % 5, 1 + (o * line) % 9000 / 100.0
FROM generate_series(1, 60000) AS o, generate_series(1, 2 + o % 2) AS line;

CREATE INDEX orders_by_customer ON orders (customer_id, ordered_at);
CREATE INDEX customers_by_profile ON customers USING gin (profile);

CREATE VIEW revenue_by_month AS
SELECT date_trunc('month', ordered_at AT TIME ZONE 'UTC') AS month, count(DISTINCT orders.id) AS orders, sum(total) AS revenue
FROM orders JOIN order_items ON order_id = orders.id
WHERE status <> 'returned'
GROUP BY 1;

-- One large object, 1 MiB, that a row refers to.
UPDATE products SET photo = lo_from_bytea(0, (SELECT string_agg(decode(md5('photo ' || n), 'hex'), '' ORDER BY n) FROM generate_series(1, 65536) AS n))
WHERE id = 1;
