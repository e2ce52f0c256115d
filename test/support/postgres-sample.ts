import { query, type TestPostgres } from './postgres.ts';

export interface Sample {
  database: string;
  url: string;
  /** The role that owns the database and its tables. */
  owner: string;
  /** The role that is granted something, and that a policy names. */
  reader: string;
}

/** A database with one of everything that a restore may lose. */
export async function createSample(server: TestPostgres): Promise<Sample> {
  const [database, owner, reader] = [await server.createDatabase(), server.uniqueName(), server.uniqueName()];
  const url = server.url(database);
  await query(
    server.adminUrl,
    `CREATE ROLE ${owner} LOGIN; CREATE ROLE ${reader}; GRANT ${owner} TO ${reader}`,
  );
  await query(server.adminUrl, `ALTER DATABASE ${database} OWNER TO ${owner}`);
  await fillSample(url, { owner, reader });
  await query(server.adminUrl, `ALTER DATABASE ${database} SET search_path = "$user", sales, public`);
  await query(server.adminUrl, `ALTER DATABASE ${database} SET work_mem = '8MB'`);
  return { database, url, owner, reader };
}

/** Into an empty database; both roles must exist. */
export async function fillSample(
  url: string,
  { owner, reader }: Pick<Sample, 'owner' | 'reader'>,
): Promise<void> {
  await query(url, sampleSql(owner, reader));
}

/** For every table: how many rows, and the MD5 of all of them in order. For large objects: of their contents. */
export async function contentOf(url: string): Promise<Record<string, string>> {
  const tables = await query<{ name: string }>(
    url,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname !~ '^pg_' and schemaname <> 'information_schema' order by 1`,
  );
  const counts = tables.map(
    ({ name }) =>
      `select '${name.replaceAll("'", "''")}' as name, count(*) || ' ' || md5(coalesce(string_agg(t::text, E'\\n' order by t::text), '')) as rows from ${name} t`,
  );
  const objects = `select 'large objects' as name, count(*) || ' ' || md5(coalesce(string_agg(encode(lo_get(oid), 'hex'), ' ' order by oid), '')) as rows from pg_largeobject_metadata`;
  const rows = await query<{ name: string; rows: string }>(url, [...counts, objects].join(' union all '));
  return Object.fromEntries(rows.map(({ name, rows: digest }) => [name, digest]));
}

function sampleSql(owner: string, reader: string): string {
  return `
    CREATE EXTENSION pgcrypto;
    CREATE EXTENSION pg_trgm;
    CREATE SCHEMA sales;
    CREATE SCHEMA "with space";
    CREATE TYPE mood AS ENUM ('low', 'high');
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE TYPE pair AS (first integer, second text);
    CREATE SEQUENCE ticket START 1000;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changes := NEW.changes + 1; RETURN NEW; END $$;
    CREATE TABLE customers (
      id serial PRIMARY KEY,
      name text NOT NULL UNIQUE,
      mood mood NOT NULL DEFAULT 'low',
      score positive,
      couple pair,
      ticket bigint DEFAULT nextval('ticket'),
      shout text GENERATED ALWAYS AS (upper(name)) STORED,
      changes integer NOT NULL DEFAULT 0
    );
    CREATE TABLE sales.orders (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      customer integer NOT NULL REFERENCES customers ON DELETE CASCADE,
      document jsonb NOT NULL,
      placed timestamptz NOT NULL
    );
    CREATE TABLE sales.lines (
      order_id bigint REFERENCES sales.orders,
      position integer,
      PRIMARY KEY (order_id, position)
    );
    CREATE TABLE "with space"."odd ""name" (id integer PRIMARY KEY, "a b" bytea);
    CREATE TABLE events (day date NOT NULL, what text) PARTITION BY RANGE (day);
    CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE INDEX events_day ON events (day);
    CREATE INDEX customers_name_trgm ON customers USING gin (name gin_trgm_ops);
    CREATE STATISTICS customers_stats ON mood, score FROM customers;
    CREATE VIEW named AS SELECT id, name FROM customers;
    CREATE TRIGGER customers_touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE RULE orders_keep AS ON DELETE TO sales.orders DO INSTEAD NOTHING;
    ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY orders_read ON sales.orders FOR SELECT TO ${reader} USING (customer > 1);
    COMMENT ON TABLE customers IS 'who buys';
    COMMENT ON COLUMN customers.name IS 'it''s unique';
    GRANT SELECT ON customers TO ${reader};
    GRANT UPDATE (name) ON customers TO ${reader};
    GRANT USAGE ON SCHEMA sales TO ${reader};
    GRANT SELECT ON sales.orders TO ${reader};
    INSERT INTO customers (name, mood, score, couple)
      SELECT 'customer ' || i, CASE WHEN i % 2 = 0 THEN 'high' ELSE 'low' END::mood, i, (i, 'é' || i)::pair FROM generate_series(1, 200) i;
    INSERT INTO sales.orders (customer, document, placed)
      SELECT i % 200 + 1, jsonb_build_object('n', i, 'tags', ARRAY['a', 'b']), '2026-01-01'::timestamptz + i * interval '1 minute' FROM generate_series(1, 1000) i;
    INSERT INTO sales.lines SELECT i, 1 FROM generate_series(1, 500) i;
    INSERT INTO "with space"."odd ""name" VALUES (1, '\\x00ff'), (2, NULL);
    INSERT INTO events SELECT '2025-12-01'::date + i, 'event ' || i FROM generate_series(0, 60) i;
    CREATE MATERIALIZED VIEW totals AS SELECT customer, count(*) AS orders FROM sales.orders GROUP BY customer;
    SELECT lo_from_bytea(0, 'a large object'::bytea);
    SELECT nextval('ticket');
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'sales', 'with space') LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO ${owner}', name);
      END LOOP;
    END $$;`;
}
