import type { DatabaseConfig, SourceOf } from '../../src/shared/config/schema.ts';
import { query, sharedPostgres, type TestPostgres } from './postgres.ts';
import { databaseConfig } from './postgres-backup.ts';

/** Settings of a source that differ from the defaults. */
export type DumpOptions = Partial<Omit<SourceOf<'postgres'>, 'tables' | 'schemas'>> & {
  tables?: Partial<SourceOf<'postgres'>['tables']>;
  schemas?: Partial<SourceOf<'postgres'>['schemas']>;
};

/** A database of odd names, partitions and dependencies, to dump selections of. */
export interface SelectionShop {
  server: TestPostgres;
  url: string;
  sourceWith(options: DumpOptions): SourceOf<'postgres'>;
}

/** On the shared server, whose `stop` removes it. */
export async function createSelectionShop(): Promise<SelectionShop> {
  const server = await sharedPostgres();
  const url = server.url(await server.createDatabase());
  await query(url, shop);
  return {
    server,
    url,
    sourceWith: ({ tables, schemas, ...options }) => {
      const source = databaseConfig(url);
      return {
        ...source,
        ...options,
        tables: { ...source.tables, ...tables },
        schemas: { ...source.schemas, ...schemas },
      };
    },
  };
}

export function counting(counts: 'exact' | 'none'): DatabaseConfig['verify'] {
  return { level: 'decode', counts, assertions: [] };
}

const shop = `
  CREATE SCHEMA app; CREATE SCHEMA kinds; CREATE SCHEMA scratch; CREATE SCHEMA "Odd.Schema";
  CREATE SCHEMA ext; CREATE EXTENSION pgcrypto SCHEMA ext;
  CREATE TYPE app.level AS ENUM ('low', 'high');
  CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TYPE kinds.state AS ENUM ('new', 'done');
  CREATE TABLE public.plain AS SELECT 1 AS id;
  CREATE VIEW app.plain_view AS SELECT * FROM public.plain;
  CREATE TABLE app.customer (id serial PRIMARY KEY, level app.level DEFAULT 'low');
  CREATE TABLE app.order (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer integer REFERENCES app.customer, state kinds.state);
  COMMENT ON TABLE app.order IS 'what was bought';
  CREATE TRIGGER touch BEFORE INSERT ON app.order FOR EACH ROW EXECUTE FUNCTION app.touch();
  CREATE TABLE app.audit (id serial, what text);
  CREATE TABLE app.event (id integer, PRIMARY KEY (id)) PARTITION BY RANGE (id);
  CREATE TABLE app.event_old PARTITION OF app.event FOR VALUES FROM (0) TO (10);
  CREATE TABLE app.event_new PARTITION OF app.event FOR VALUES FROM (10) TO (20);
  INSERT INTO app.customer DEFAULT VALUES; INSERT INTO app.customer DEFAULT VALUES;
  INSERT INTO app.order (customer) VALUES (1), (1), (2);
  INSERT INTO app.audit (what) VALUES ('a'), ('b');
  INSERT INTO app.event VALUES (1), (11), (12);
  CREATE TABLE scratch.note AS SELECT generate_series(1, 4) AS id;
  CREATE TYPE scratch.pair AS (one integer, other integer);
  CREATE DOMAIN scratch.positive AS integer CHECK (value > 0);
  CREATE TYPE scratch.span AS RANGE (subtype = integer);
  CREATE MATERIALIZED VIEW app.busy AS SELECT 1 AS events;
  CREATE VIEW app.busier AS SELECT events + 1 AS events FROM app.busy;
  CREATE MATERIALIZED VIEW app.busiest AS SELECT * FROM app.busier;
  CREATE SCHEMA aid; CREATE OPERATOR FAMILY app.ordering USING btree;
  CREATE FUNCTION aid.compare(integer, integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT btint4cmp($1, $2)';
  CREATE OPERATOR CLASS scratch.ordering FOR TYPE integer USING btree FAMILY app.ordering
    AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 aid.compare(integer, integer);
  CREATE TABLE "Odd.Schema"."a.b" AS SELECT 1 AS id;
  CREATE TABLE "Odd.Schema"."star*name" AS SELECT 1 AS id;
  CREATE TABLE "Odd.Schema"."star1name" AS SELECT 1 AS id;
  CREATE TABLE "Odd.Schema"."say ""hi""|x" AS SELECT 1 AS id`;
