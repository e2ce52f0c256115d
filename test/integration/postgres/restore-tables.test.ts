import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { query, sharedPostgres, type TestPostgres } from '../../support/postgres.ts';
import {
  dumpInMemory,
  type MemoryBackup,
  prepareFromMemory,
  restoreFromMemory,
} from '../../support/postgres-backup.ts';
import { contentOf, createSample, type Sample } from '../../support/postgres-sample.ts';

describe('a restore of single PostgreSQL tables', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;
  let sample: Sample;
  let backup: MemoryBackup;

  before(async () => {
    server = await sharedPostgres();
    sample = await createSample(server);
    backup = await dumpInMemory(engine, sample.url);
  });

  after(() => server.stop());

  async function restoreTables(
    tables: readonly string[],
    { before: sql = 'SELECT 1', confirm = false } = {},
  ) {
    const database = await server.createDatabase();
    const url = server.url(database);
    await query(url, sql);
    const options = { tables, confirm: confirm ? database : undefined };
    const { notes } = await restoreFromMemory(engine, backup, { url, options });
    return { url, notes, content: await contentOf(url) };
  }

  /** What psql's \\d shows of a table, as data. */
  async function describeTable(url: string, table: string): Promise<unknown> {
    const relation = `'${table}'::regclass`;
    const [row] = await query(
      url,
      `SET search_path = ''; SELECT
        array(SELECT attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attidentity::text || attgenerated::text || coalesce(pg_get_expr(adbin, adrelid), '') FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = ${relation} AND attnum > 0 ORDER BY attnum) AS columns,
        array(SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = ${relation} ORDER BY 1) AS constraints,
        array(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = ${relation} ORDER BY 1) AS indexes,
        array(SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = ${relation} AND NOT tgisinternal ORDER BY 1) AS triggers,
        array(SELECT stxname FROM pg_statistic_ext WHERE stxrelid = ${relation}) AS statistics,
        array(SELECT polname FROM pg_policy WHERE polrelid = ${relation}) AS policies,
        array(SELECT rulename FROM pg_rewrite WHERE ev_class = ${relation}) AS rules,
        array(SELECT description FROM pg_description WHERE objoid = ${relation} ORDER BY 1) AS comments,
        (SELECT relacl::text || relrowsecurity || pg_get_userbyid(relowner) FROM pg_class WHERE oid = ${relation}) AS acl`,
    );
    return row;
  }

  it('brings the extension that an exclusion constraint needs, which its entry in the archive does not name', async () => {
    const source = server.url(await server.createDatabase());
    await query(
      source,
      `CREATE SCHEMA ext; CREATE EXTENSION btree_gist SCHEMA ext; CREATE EXTENSION pg_trgm;
       CREATE TABLE booking (room integer, EXCLUDE USING gist (room WITH =)); INSERT INTO booking VALUES (1);
       CREATE TABLE item (id integer PRIMARY KEY)`,
    );
    const made = await dumpInMemory(engine, source);
    const extensions = async (table: string): Promise<unknown> => {
      const url = server.url(await server.createDatabase());
      await restoreFromMemory(engine, made, { url, options: { tables: [`public.${table}`] } });
      return query(url, `SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'`);
    };
    assert.deepEqual(await extensions('booking'), [{ extname: 'btree_gist' }]);
    assert.deepEqual(await extensions('item'), []);
  });

  it('brings everything that belongs to a table, and what it needs', async () => {
    const { url, notes, content } = await restoreTables(['public.customers']);
    const source = await contentOf(sample.url);
    assert.deepEqual(Object.keys(content), ['public.customers', 'large objects']);
    assert.equal(content['public.customers'], source['public.customers']);
    assert.deepEqual(
      await describeTable(url, 'public.customers'),
      await describeTable(sample.url, 'public.customers'),
    );
    assert.deepEqual(notes, []);
    const sequences =
      "SELECT nextval('customers_id_seq')::int AS id, nextval('ticket')::int AS ticket, pg_get_serial_sequence('customers', 'id') AS serial";
    assert.deepEqual(await query(url, sequences), [
      { id: 201, ticket: 1201, serial: 'public.customers_id_seq' },
    ]);
    const [updated] = await query(
      url,
      "UPDATE customers SET name = 'x' WHERE id = 1 RETURNING changes, shout",
    );
    assert.deepEqual(updated, { changes: 1, shout: 'X' });
  });

  it('leaves foreign keys to other tables out and names them', async () => {
    const { url, notes, content } = await restoreTables(['sales.orders']);
    assert.equal(content['sales.orders'], (await contentOf(sample.url))['sales.orders']);
    assert.deepEqual(notes, [
      'the foreign key sales.orders orders_customer_fkey was left out, because the table that it refers to was not restored',
    ]);
    const [keys] = await query(
      url,
      "SELECT string_agg(conname, ',') AS names FROM pg_constraint WHERE conrelid = 'sales.orders'::regclass",
    );
    assert.deepEqual(keys, { names: 'orders_pkey' });
    const inserted =
      "INSERT INTO sales.orders (customer, document, placed) VALUES (1, '{}', now()) RETURNING id::int";
    assert.deepEqual(await query(url, inserted), [{ id: 1001 }]);
  });

  it('keeps foreign keys between tables that are restored together', async () => {
    const { url, notes } = await restoreTables(['sales.orders', 'public.customers', 'sales.lines']);
    for (const table of ['sales.orders', 'public.customers', 'sales.lines']) {
      assert.deepEqual(await describeTable(url, table), await describeTable(sample.url, table));
    }
    assert.deepEqual(notes, []);
  });

  it('brings the partitions of a partitioned table', async () => {
    const { url, content } = await restoreTables(['public.events']);
    assert.equal(content['public.events'], (await contentOf(sample.url))['public.events']);
    assert.deepEqual(Object.keys(content).sort(), [
      'large objects',
      'public.events',
      'public.events_2025',
      'public.events_2026',
    ]);
    assert.deepEqual(
      await describeTable(url, 'public.events_2025'),
      await describeTable(sample.url, 'public.events_2025'),
    );
    assert.equal(
      (await query(url, "SELECT FROM pg_inherits WHERE inhparent = 'events_day'::regclass")).length,
      2,
    );
  });

  it('restores a single partition as a table of its own, and says so', async () => {
    const { notes, content } = await restoreTables(['public.events_2025']);
    assert.equal(content['public.events_2025'], (await contentOf(sample.url))['public.events_2025']);
    assert.deepEqual(notes, ['public.events_2025 was restored as a table of its own, not as a partition']);
  });

  it('restores a materialized view with the table that it needs', async () => {
    const { url } = await restoreTables(['sales.orders', 'public.totals']);
    const sum = 'SELECT sum(orders)::int AS orders FROM totals';
    assert.deepEqual(await query(url, sum), [{ orders: 1000 }]);
  });

  it('takes names as they are, with spaces and quotes', async () => {
    const { content } = await restoreTables(['with space.odd "name']);
    const name = '"with space"."odd ""name"';
    assert.equal(content[name], (await contentOf(sample.url))[name]);
  });

  it('uses what the target has already instead of making it again', async () => {
    const { content } = await restoreTables(['public.customers'], {
      before: `CREATE TYPE mood AS ENUM ('low', 'high'); CREATE SCHEMA sales; CREATE EXTENSION pg_trgm; CREATE TABLE other (x int);
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
    });
    assert.equal(content['public.customers'], (await contentOf(sample.url))['public.customers']);
    assert.ok('public.other' in content);
  });

  it('leaves a sequence of the target at its value, and says so', async () => {
    const { url, notes } = await restoreTables(['public.customers'], { before: 'CREATE SEQUENCE ticket' });
    assert.deepEqual(notes, [
      'the sequence public.ticket of the target was left at its value, which may be behind the restored rows',
    ]);
    assert.deepEqual(await query(url, "SELECT nextval('ticket')::int AS next"), [{ next: 1 }]);
  });

  it('is combined with create', async () => {
    const database = server.uniqueName();
    const target = { url: server.url(database), options: { tables: ['sales.lines'], create: true } };
    await restoreFromMemory(engine, backup, target);
    assert.equal(
      (await contentOf(server.url(database)))['sales.lines'],
      (await contentOf(sample.url))['sales.lines'],
    );
  });

  it('replaces only the named table once its database was typed', async () => {
    const { url, content } = await restoreTables(['sales.lines'], {
      before:
        'CREATE SCHEMA sales; CREATE TABLE sales.lines (old int); CREATE TABLE sales.orders (kept int); INSERT INTO sales.orders VALUES (7)',
      confirm: true,
    });
    assert.equal(content['sales.lines'], (await contentOf(sample.url))['sales.lines']);
    assert.deepEqual(await query(url, 'SELECT kept FROM sales.orders'), [{ kept: 7 }]);
  });

  it('is refused over a partitioned table that has more partitions than the backup, with --table and without', async () => {
    const database = await server.createDatabase();
    const url = server.url(database);
    await restoreFromMemory(engine, backup, { url });
    await query(
      url,
      `CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
       INSERT INTO events_2027 (day) VALUES ('2027-01-01')`,
    );
    for (const tables of [[], ['public.events']]) {
      await assert.rejects(
        prepareFromMemory(engine, backup, { url, options: { tables, confirm: database } }),
        {
          code: 'TARGET_NOT_EMPTY',
          message: /would drop partitions .*: public\.events_2027$/,
          hint: /DETACH PARTITION public\.events_2027/,
        },
      );
    }
    await query(url, 'ALTER TABLE events DETACH PARTITION events_2027');
    await restoreFromMemory(engine, backup, { url, options: { confirm: database } });
    assert.deepEqual(await query(url, 'SELECT count(*)::int AS rows FROM events_2027'), [{ rows: 1 }]);
  });

  it('is refused when the table is there and nothing was typed', async () => {
    const database = await server.createDatabase();
    await query(server.url(database), 'CREATE SCHEMA sales; CREATE TABLE sales.lines (old int)');
    await assert.rejects(
      prepareFromMemory(engine, backup, { url: server.url(database), options: { tables: ['sales.lines'] } }),
      {
        code: 'TARGET_NOT_EMPTY',
        message: /holds sales\.lines/,
        hint: new RegExp(`--confirm ${database}`),
      },
    );
  });

  it('is refused before the target is made when the backup has no such table, with the names that come near', async () => {
    const database = server.uniqueName();
    for (const [table, hint] of [
      ['public.custmers', /public\.customers/],
      ['orders', /sales\.orders/],
      ['public.orders', /sales\.orders/],
      ['public.no_such_thing', /Write SCHEMA\.NAME/],
    ] as const) {
      const target = { url: server.url(database), options: { tables: ['sales.lines', table], create: true } };
      await assert.rejects(prepareFromMemory(engine, backup, target), {
        code: 'TABLE_NOT_FOUND',
        message: new RegExp(`"${table}"`),
        hint,
      });
    }
    assert.deepEqual(
      await query(server.adminUrl, `SELECT FROM pg_database WHERE datname = '${database}'`),
      [],
    );
  });

  it('is refused when a view needs a table that is neither restored nor there', async () => {
    const target = { url: server.url(await server.createDatabase()), options: { tables: ['public.named'] } };
    await assert.rejects(prepareFromMemory(engine, backup, target), {
      code: 'TABLE_NOT_FOUND',
      message: /public\.named needs public\.customers/,
      hint: /--table public\.customers/,
    });
  });

  it('leaves no list behind, whether it is finished or undone', async () => {
    const lists = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('backupdata-list-'));
    const target = { url: server.url(await server.createDatabase()), options: { tables: ['sales.lines'] } };
    const plan = await prepareFromMemory(engine, backup, target);
    assert.equal((await lists()).length, 1);
    await plan.undo();
    assert.deepEqual(await lists(), []);
    await restoreFromMemory(engine, backup, target);
    assert.deepEqual(await lists(), []);
  });
});
