import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { createTools } from '../../../src/pipeline/process/tools.ts';
import { withFolder } from '../../support/folder.ts';
import { query, startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';
import { installClientTools } from '../../support/postgres-tools.ts';
import { runStage } from '../../support/stage.ts';

/** A server of its own: what its users may see of its catalogs is changed, and it is stopped. */
const { signal } = new AbortController();

describe('the parts of a dump of PostgreSQL', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;
  let database: string;

  before(async () => {
    server = await startPostgres();
    database = await server.createDatabase();
    await query(server.url(database), 'CREATE TABLE item (id int); INSERT INTO item VALUES (1)');
    await query(
      server.adminUrl,
      "CREATE ROLE app LOGIN PASSWORD 'app-secret'; CREATE ROLE limited LOGIN PASSWORD 'pw' IN ROLE pg_read_all_data",
    );
  });

  after(() => server.stop());

  async function planFor(url: string, context = engineContext()) {
    const config = databaseConfig(url);
    return engine.plan(config, await engine.inspect(config, context), context);
  }

  async function globalsFor(url: string) {
    const { parts } = await planFor(url);
    const source = parts.find(({ kind }) => kind === 'globals')?.source;
    assert.ok(typeof source === 'function');
    return source;
  }

  it('are the data in the custom format, uncompressed, and the globals', async () => {
    const { parts, close } = await planFor(server.url(database));
    assert.deepEqual(
      parts.map(({ name, kind }) => [name, kind]),
      [
        ['data.dump', 'data'],
        ['globals.sql', 'globals'],
      ],
    );
    const [data] = parts;
    assert.ok(data && typeof data.source !== 'function');
    const { code, stdout } = await runStage(data.source, []);
    assert.equal(code, 0);
    assert.deepEqual(stdout.subarray(0, 5), data.signature);
    assert.ok(stdout.includes('CREATE TABLE public.item'));
    await close();
  });

  it('are made by tools that see no secret in their arguments', async () => {
    const { parts } = await planFor(server.url(database));
    const [data] = parts;
    assert.ok(data && typeof data.source !== 'function');
    const password = new URL(server.adminUrl).password;
    assert.ok(!JSON.stringify(data.source.args).includes(password));
    assert.ok(!JSON.stringify(data.source.args).includes('postgres://'));
    assert.equal(data.source.env?.PGPASSWORD, password);
  });

  it('have the roles in the globals, without their passwords', async () => {
    const prepared = await (await globalsFor(server.url(database)))(signal);
    assert.ok('bytes' in prepared);
    const sql = prepared.bytes.toString('utf8');
    assert.match(sql, /^CREATE ROLE app;$/m);
    assert.doesNotMatch(sql, /PASSWORD|SCRAM/);
  });

  it('lack the globals, and say why, when the user may not see them', async () => {
    const globals = await globalsFor(server.url(database, 'limited', 'pw'));
    await query(
      server.url(database),
      'REVOKE SELECT ON pg_catalog.pg_auth_members FROM PUBLIC; REVOKE pg_read_all_data FROM limited',
    );
    const prepared = await globals(signal);
    assert.ok('missing' in prepared);
    assert.match(
      prepared.missing,
      /^globals are not in this backup: pg_dumpall: error: .*permission denied for table pg_auth_members/,
    );
  });

  it('fail, to be tried again, when the server goes away', async () => {
    const own = await startPostgres();
    const { parts } = await planFor(own.url('postgres'));
    await own.stop();
    const source = parts[1]?.source;
    assert.ok(typeof source === 'function');
    await assert.rejects(source(signal), { code: 'DATABASE_UNREACHABLE', retryable: true });
  });

  for (const [what, lines] of [
    ['ends before the last line of its format', 'echo "CREATE ROLE app;"'],
    ['fails for another reason than a missing right', 'echo "pg_dumpall: error: out of memory" >&2; exit 1'],
    ['is killed', 'echo "pg_dumpall: error: permission denied" >&2; kill -KILL $$'],
  ] as const) {
    it(`fail when pg_dumpall ${what}`, () =>
      withFolder(async (folder) => {
        const tools = createTools({
          path: '',
          only: [await installClientTools(folder, '99.0', { lines: { pg_dumpall: lines } })],
        });
        const { parts } = await planFor(server.url(database), engineContext({ tools }));
        const source = parts[1]?.source;
        assert.ok(typeof source === 'function');
        await assert.rejects(source(signal), { code: 'DUMP_FAILED', message: /the dump of the globals/ });
      }));
  }

  it('are not begun when the run was aborted', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const { parts } = await planFor(server.url(database));
    controller.abort(reason);
    const source = parts[1]?.source;
    assert.ok(typeof source === 'function');
    await assert.rejects(source(controller.signal), reason);
  });
});
