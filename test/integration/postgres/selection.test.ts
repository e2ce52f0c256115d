import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseConnection } from '../../../src/pipeline/engine/postgres/connection.ts';
import { connectionEnvironment } from '../../../src/pipeline/engine/postgres/environment.ts';
import { listCountedTables } from '../../../src/pipeline/engine/postgres/row-counts.ts';
import { withSession } from '../../../src/pipeline/engine/postgres/session.ts';
import type { DatabaseConfig, SourceOf } from '../../../src/shared/config/schema.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { type EngineRun, withEngineRun } from '../../support/engine-run.ts';
import { realProgram } from '../../support/misbehaving-tools.ts';
import { query, sharedPostgres, type TestPostgres } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';
import { runStage } from '../../support/stage.ts';

type Options = Partial<Omit<SourceOf<'postgres'>, 'tables' | 'schemas'>> & {
  tables?: Partial<SourceOf<'postgres'>['tables']>;
  schemas?: Partial<SourceOf<'postgres'>['schemas']>;
};

interface Leaving {
  title: string;
  options: Options;
  /** Tables that do not come back, and those that come back without rows. */
  left: readonly string[];
  empty?: readonly string[];
  note?: string;
}

describe('a backup of a selection', () => {
  let server: TestPostgres;
  let database: string;

  before(async () => {
    server = await sharedPostgres();
    database = await server.createDatabase();
    await query(server.url(database), shop);
  });

  after(() => server.stop());

  function sourceWith({ tables, schemas, ...options }: Options): SourceOf<'postgres'> {
    const source = databaseConfig(server.url(database));
    return {
      ...{ engine: source.engine, url: source.url, schemaOnly: source.schemaOnly },
      ...{ extraArguments: source.extraArguments, lockTimeout: null, statementTimeout: null },
      ...options,
      tables: { ...source.tables, ...tables },
      schemas: { ...source.schemas, ...schemas },
    };
  }

  /** Backed up, proven, restored with --create; the rows of each table that came back. */
  async function comeBack(
    options: Options,
    run: EngineRun,
  ): Promise<{ rows: Record<string, number>; manifest: Manifest; url: string }> {
    const manifest = await run.backUp(sourceWith(options), { verify: counting('exact') });
    await run.verify(manifest, 'decode');
    const name = server.uniqueName();
    await run.restoreTo(
      manifest,
      { source: databaseConfig(server.adminUrl), database: name },
      { create: true },
    );
    return { rows: await rowsOf(server.url(name)), manifest, url: server.url(name) };
  }

  const all = {
    ...{ 'app.audit': 2, 'app.event_old': 1, 'app.event_new': 2, 'app.order': 3, 'app.customer': 2 },
    ...{
      'Odd.Schema.a.b': 1,
      'Odd.Schema.star*name': 1,
      'Odd.Schema.star1name': 1,
      'Odd.Schema.say "hi"|x': 1,
    },
    ...{ 'scratch.note': 4, 'public.plain': 1 },
  };

  const leaving: readonly Leaving[] = [
    {
      title: 'an excluded table, and nothing whose name is only like it',
      options: { tables: { exclude: ['app.audit', 'app.AUDIT2'] } },
      left: ['app.audit'],
      note: 'a selection: tables, views and sequences that are not in this backup: app.audit, app.audit_id_seq',
    },
    {
      title: 'a partitioned table with all its partitions',
      options: { tables: { exclude: ['app.event'] } },
      left: ['app.event_old', 'app.event_new'],
    },
    { title: 'one partition', options: { tables: { exclude: ['*.event_old'] } }, left: ['app.event_old'] },
    {
      title: 'names with dots, stars, quotes and upper case, by patterns',
      options: { tables: { exclude: ['Odd?Schema.star*name', 'Odd?Schema.a.b', '*.say "hi"|x'] } },
      left: ['Odd.Schema.a.b', 'Odd.Schema.star*name', 'Odd.Schema.star1name', 'Odd.Schema.say "hi"|x'],
    },
    {
      title: 'a schema',
      options: { schemas: { exclude: ['scratch', 'Odd.*'] } },
      left: ['scratch.note', ...Object.keys(all).filter((name) => name.startsWith('Odd'))],
      note: 'a selection: schemas that are not in this backup, with all they hold: Odd.Schema, scratch',
    },
    {
      title: 'the rows of a table and of the partitions of one',
      options: { tables: { excludeData: ['audit', 'app.event'] } },
      left: [],
      empty: ['app.audit', 'app.event_old', 'app.event_new'],
      note: 'a selection: without their rows: app.audit, app.event, app.event_new, app.event_old',
    },
    {
      title: 'all but one schema',
      options: { schemas: { include: ['app', 'kind?', 'public', 'ext'] } },
      left: Object.keys(all).filter((name) => !/^(app|public)/.test(name)),
    },
    {
      title: 'all but what is included, whose types, functions, sequences and partitions are there',
      options: { tables: { include: ['app.order', 'customer', 'app.event'] } },
      left: Object.keys(all).filter((name) => !/^app\.(order|customer|event)/.test(name)),
    },
    {
      title: 'all rows',
      options: { schemaOnly: true },
      left: [],
      empty: Object.keys(all),
      note: 'schema only: no rows, no values of sequences and no large objects are in this backup',
    },
  ];
  for (const { title, options, left, empty, note } of leaving) {
    it(`leaves out ${title}, and restores into a new database`, () =>
      withEngineRun(async (run) => {
        const { rows, manifest } = await comeBack(options, run);
        const expected = Object.entries(all)
          .filter(([name]) => !left.includes(name))
          .map(([name, count]) => [name, empty?.includes(name) ? 0 : count]);
        assert.deepEqual(rows, Object.fromEntries(expected));
        if (note) assert.ok(manifest.notes.includes(note), manifest.notes.join('\n'));
      }));
  }

  it('says which patterns of an exclude matched nothing, and is made', () =>
    withEngineRun(async (run) => {
      const { notes } = await run.backUp(sourceWith({ tables: { exclude: ['app.adit'] } }));
      assert.deepEqual(
        notes.filter((note) => note.includes('pattern')),
        ['a pattern that leaves something out matched nothing: app.adit'],
      );
    }));

  for (const { title, options, message } of [
    {
      title: 'an include that matches no table',
      options: { tables: { include: ['app.order', 'app.custmer'] } },
      message: /"app\.custmer" in tables\.include matches nothing/,
    },
    {
      title: 'an include in another case',
      options: { tables: { include: ['APP.order'] } },
      message: /"APP\.order" in tables\.include/,
    },
    {
      title: 'an include that matches no schema',
      options: { schemas: { include: ['ap'] } },
      message: /"ap" in schemas\.include/,
    },
    {
      title: 'a table in a schema that is left out',
      options: { schemas: { exclude: ['app'] }, tables: { include: ['app.order'] } },
      message: /"app\.order" in tables\.include/,
    },
    {
      title: 'a table that a foreign key of what is kept needs',
      options: { tables: { exclude: ['app.customer'] } },
      message:
        /could not be restored.*constraint order_customer_fkey on table app\."?order"? needs .*customer/,
    },
    {
      title: 'a table that a view needs',
      options: { tables: { exclude: ['public.plain'] } },
      message: /could not be restored.*view app\.plain_view needs .*plain/,
    },
    {
      title: 'a schema whose type a kept table has',
      options: { schemas: { exclude: ['kinds'] } },
      message: /could not be restored.*kinds\.state/,
    },
    {
      title: 'the schema of an extension',
      options: { schemas: { exclude: ['ext'] } },
      message: /could not be restored.*extension pgcrypto needs schema ext/,
    },
    {
      title: 'the rows that rows which are kept refer to',
      options: { tables: { excludeData: ['app.customer'] } },
      message: /dumped without its rows: app\."?order"? needs app\.customer/,
    },
    {
      title: 'a partition without its table',
      options: { tables: { include: ['app.event_old'] } },
      message: /could not be restored.*app\.event_old needs .*app\.event/,
    },
    {
      title: 'an argument that would take rows away',
      options: { extraArguments: ['--no-comments', '--enable-row-security'] },
      message: /may not hold "--enable-row-security"/,
    },
    {
      title: 'an argument that would write elsewhere',
      options: { extraArguments: ['--file=/tmp/x'] },
      message: /may not hold "--file=/,
    },
    {
      title: 'a limit that pg_dump would not keep',
      options: { statementTimeout: 1_000 },
      message: /statementTimeout cannot be kept/,
    },
  ] satisfies readonly { title: string; options: Options; message: RegExp }[]) {
    it(`is refused for ${title}`, () =>
      withEngineRun(async (run) => {
        await assert.rejects(run.backUp(sourceWith(options)), { code: 'CONFIG_INVALID', message });
      }));
  }

  it('waits for a lock as long as it may, with and without counting', () =>
    withEngineRun(async (run) => {
      const own = await server.createDatabase();
      await query(server.url(own), 'CREATE TABLE item ()');
      const connection = parseConnection(new Secret(server.url(own)));
      await withSession({ connection, context: engineContext(), otherwise: 'INTERNAL' }, async (holder) => {
        await holder.query('BEGIN');
        await holder.query('LOCK TABLE public.item');
        const source = { ...sourceWith({ lockTimeout: 100 }), url: new Secret(server.url(own)) };
        for (const counts of ['none', 'exact'] as const) {
          await assert.rejects(run.backUp(source, { verify: counting(counts) }), {
            code: 'TIMEOUT',
            message: /lock/,
          });
        }
      });
    }));

  it('could not have its statements limited: pg_dump does not keep to the limit of its connection', async () => {
    const connection = parseConnection(new Secret(`${server.url(database)}?options=-cstatement_timeout=1`));
    const env = connectionEnvironment(connection, engineContext());
    const { code, stderr } = await runStage(
      { program: await realProgram('pg_dump'), args: ['--format=custom'], env },
      [],
    );
    assert.equal(code, 0, stderr);
  });

  it('passes on the arguments that it may', () =>
    withEngineRun(async (run) => {
      const { manifest, url } = await comeBack({ extraArguments: ['--no-comments'] }, run);
      assert.ok(manifest.notes.includes('dumped with --no-comments'));
      const [row] = await query(url, `SELECT obj_description('app.order'::regclass) AS comment`);
      assert.deepEqual(row, { comment: null });
    }));
});

function counting(counts: 'exact' | 'none'): DatabaseConfig['verify'] {
  return { level: 'decode', counts, assertions: [] };
}

async function rowsOf(url: string): Promise<Record<string, number>> {
  const context = engineContext();
  const connection = parseConnection(new Secret(url));
  return withSession({ connection, context, otherwise: 'INTERNAL' }, async (session) => {
    const rows: Record<string, number> = {};
    for (const { schema, name } of await listCountedTables(session)) {
      const quoted = [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
      const [row] = await session.query<{ rows: string }>(`SELECT count(*) AS rows FROM ONLY ${quoted}`);
      rows[`${schema}.${name}`] = Number(row?.rows);
    }
    return rows;
  });
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
  CREATE TABLE "Odd.Schema"."a.b" AS SELECT 1 AS id;
  CREATE TABLE "Odd.Schema"."star*name" AS SELECT 1 AS id;
  CREATE TABLE "Odd.Schema"."star1name" AS SELECT 1 AS id;
  CREATE TABLE "Odd.Schema"."say ""hi""|x" AS SELECT 1 AS id`;
