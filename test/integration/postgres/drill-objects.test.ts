import assert from 'node:assert/strict';
import { it } from 'node:test';
import { backUpShop, recorded } from '../../support/drill.ts';
import { runInProcess } from '../../support/in-process.ts';
import { withInstallation } from '../../support/installation.ts';
import { query } from '../../support/postgres.ts';

/** Kinds of objects that a table of contents names in ways of its own, or that are there without being named. */
const oddities = `
  DROP EXTENSION plpgsql; CREATE EXTENSION plpgsql;
  ALTER SCHEMA public OWNER TO CURRENT_USER; COMMENT ON SCHEMA public IS 'mine';
  CREATE SCHEMA "two words";
  CREATE TABLE "two words"."a table" (id integer PRIMARY KEY, "a b" text DEFAULT 'x y');
  COMMENT ON COLUMN "two words"."a table"."a b" IS 'spaced';
  CREATE TYPE shade AS ENUM ('light', 'dark');
  CREATE TYPE span AS RANGE (subtype = float8);
  CREATE DOMAIN even AS integer CONSTRAINT is_even CHECK (VALUE % 2 = 0);
  CREATE COLLATION plain FROM "C";
  CREATE FUNCTION twice(a integer, VARIADIC b text[]) RETURNS integer LANGUAGE sql AS 'SELECT 2 * a';
  CREATE FUNCTION twice(a numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 2 * a';
  CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
  CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
  CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
  CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
  CREATE OPERATOR CLASS whole FOR TYPE integer USING btree AS OPERATOR 3 ===, FUNCTION 1 btint4cmp(integer, integer);
  CREATE FUNCTION shade_of(integer) RETURNS shade LANGUAGE sql IMMUTABLE AS $$ SELECT 'dark'::shade $$;
  CREATE CAST (integer AS shade) WITH FUNCTION shade_of(integer);
  CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple);
  CREATE TEXT SEARCH CONFIGURATION search (PARSER = default);
  CREATE EXTENSION file_fdw;
  CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
  CREATE USER MAPPING FOR PUBLIC SERVER files;
  CREATE FOREIGN TABLE lines (line text) SERVER files OPTIONS (filename '/etc/hostname');
  CREATE TABLE many (id integer, day date, CHECK (id > 0)) PARTITION BY HASH (id);
  CREATE TABLE many_0 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 0);
  CREATE TABLE many_1 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE UNIQUE INDEX many_id ON many (id); CREATE STATISTICS many_stats ON id, day FROM many;
  ALTER TABLE many ADD CONSTRAINT far CHECK (id < 1000000) NOT VALID;
  CREATE VIEW one AS SELECT 1 AS a; CREATE VIEW two AS SELECT a FROM one; CREATE OR REPLACE VIEW one AS SELECT 1 AS a, 2 AS b;
  CREATE MATERIALIZED VIEW kept AS SELECT * FROM two WITH NO DATA;
  CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
  CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch();
  CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION "a few" FOR TABLE many;
  SELECT lo_from_bytea(0, 'x'), lo_from_bytea(0, 'y');
  DO $$ BEGIN EXECUTE format('COMMENT ON LARGE OBJECT %s IS ''why''', (SELECT max(oid) FROM pg_largeobject_metadata)); END $$;`;

it('a drill misses nothing that is there, of whatever kind, and makes no subscription', () =>
  withInstallation(async (installation) => {
    const { postgres, configure } = installation;
    const source = await postgres.createDatabase();
    const url = postgres.url(source);
    await query(url, oddities);
    await query(
      url,
      "CREATE SUBSCRIPTION follower CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)",
    );
    try {
      await configure({
        databases: {
          shop: { engine: 'postgres', url, verify: { counts: 'exact' } },
          lab: {
            engine: 'postgres',
            url: postgres.adminUrl,
            verify: { assertions: ['SELECT false'] },
          },
        },
      });
      await backUpShop(installation);
      const proven = await runInProcess(
        installation,
        ...['verify', 'shop', '--level', 'restore', '--target', 'lab', '--here'],
      );
      assert.equal(proven.code, 0, proven.stderr);
      assert.equal((await recorded(installation, 'restore')).at(-1)?.drill?.tables, 3);
    } finally {
      await query(url, 'ALTER SUBSCRIPTION follower SET (slot_name = NONE); DROP SUBSCRIPTION follower');
    }
  }));
