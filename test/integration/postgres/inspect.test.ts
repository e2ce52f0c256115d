import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { createTools } from '../../../src/pipeline/process/tools.ts';
import { withFolder } from '../../support/folder.ts';
import { freePort } from '../../support/ports.ts';
import { query, sharedPostgres, type TestPostgres } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';
import { createSample, type Sample } from '../../support/postgres-sample.ts';
import { installClientTools } from '../../support/postgres-tools.ts';

describe('an inspection of a PostgreSQL database', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;
  let sample: Sample;

  before(async () => {
    server = await sharedPostgres();
    sample = await createSample(server);
  });

  after(() => server.stop());

  async function refusal(
    url: string,
    context = engineContext(),
  ): Promise<{ code: string; message: string; hint: string; retryable: boolean; cause?: unknown }> {
    const outcome = await engine.inspect(databaseConfig(url), context).catch((error) => error);
    assert.ok(outcome instanceof Error, 'the inspection was not refused');
    return outcome as Error & { code: string; hint: string; retryable: boolean };
  }

  async function createUser(attributes = ''): Promise<string> {
    const user = server.uniqueName();
    await query(server.adminUrl, `CREATE ROLE ${user} LOGIN PASSWORD 'pass@word/1' ${attributes}`);
    return user;
  }

  it('names the settings of roles that only this database has, because no restore makes them', async () => {
    const [user, name] = [await createUser(), await server.createDatabase()];
    await query(server.adminUrl, `ALTER ROLE ${user} IN DATABASE ${name} SET search_path = app, public`);
    await query(server.adminUrl, `ALTER ROLE ${user} IN DATABASE ${name} SET work_mem = '5MB'`);
    const { notes } = await engine.inspect(databaseConfig(server.url(name)), engineContext());
    assert.deepEqual(notes, [
      `settings of roles in this database alone, which a restore does not make: ${user} (search_path, work_mem)`,
    ]);
  });

  it('is not changed by options that the environment has for other programs', async () => {
    process.env.PGOPTIONS = '-c nonsense=1';
    try {
      await engine.inspect(databaseConfig(sample.url), engineContext());
    } finally {
      delete process.env.PGOPTIONS;
    }
  });

  it('tells what a restore will need to know', async () => {
    const {
      engine: made,
      source,
      restore,
      estimatedSourceBytes,
      notes,
    } = await engine.inspect(databaseConfig(sample.url), engineContext());
    const [facts] = await query<{ version: string; identity: string; size: number }>(
      sample.url,
      `SELECT split_part(version(), ' ', 2) AS version, system_identifier::text AS identity, pg_database_size(current_database())::int AS size FROM pg_control_system()`,
    );
    assert.equal(made.name, 'postgres');
    assert.equal(made.serverVersion, facts?.version);
    assert.match(made.toolVersion, /^\d+\.\d+$/);
    assert.equal(made.format, 'pg_dump custom');
    assert.deepEqual(source, { systemIdentifier: facts?.identity, database: sample.database });
    assert.deepEqual(restore, {
      minToolVersion: String(Number.parseInt(made.toolVersion, 10)),
      encoding: 'UTF8',
      collate: 'C',
      ctype: 'C',
      owner: sample.owner,
      settings: ['search_path="$user", sales, public', 'work_mem=8MB'],
      roles: [sample.owner, sample.reader].sort(),
    });
    assert.ok(Math.abs(estimatedSourceBytes - (facts?.size ?? 0)) < 1_000_000);
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /^extensions: pg_trgm [\d.]+, pgcrypto [\d.]+$/);
  });

  it('works for a user who may only read, and who may not ask for the identity of the server', async () => {
    const database = await server.createDatabase();
    const user = await createUser('IN ROLE pg_read_all_data');
    await query(
      server.url(database),
      'CREATE TABLE item (id int); REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC',
    );
    const { source, restore } = await engine.inspect(
      databaseConfig(server.url(database, user, 'pass@word/1')),
      engineContext(),
    );
    assert.deepEqual(source, { systemIdentifier: null, database });
    assert.deepEqual(restore.roles, []);
  });

  it('is refused when the user may not read a table, with its name and what to grant', async () => {
    const database = await server.createDatabase();
    const user = await createUser();
    await query(
      server.url(database),
      'CREATE TABLE open (id int); GRANT SELECT ON open TO PUBLIC; CREATE TABLE closed (id int)',
    );
    const { code, message, hint } = await refusal(server.url(database, user, 'pass@word/1'));
    assert.equal(code, 'DATABASE_PERMISSION');
    assert.match(
      message,
      new RegExp(
        `user "${user}" may not read all of database "${database}" at 127\\.0\\.0\\.1:\\d+: public\\.closed$`,
      ),
    );
    assert.match(hint, new RegExp(`GRANT pg_read_all_data TO "${user}"`));
  });

  it('is refused when the server is newer than the tools here, before a dump is begun', () =>
    withFolder(async (folder) => {
      const tools = createTools({ path: '', only: [await installClientTools(folder, '14.9')] });
      const { code, message, hint, retryable } = await refusal(sample.url, engineContext({ tools }));
      assert.deepEqual([code, retryable], ['TOOL_TOO_OLD', false]);
      assert.match(message, /^the server is PostgreSQL (\d+), the newest pg_dump here is 14$/);
      assert.match(hint, /apt-get install postgresql-client-\d+/);
    }));

  it('is refused when row security would hide rows from the user', async () => {
    const database = await server.createDatabase();
    const user = await createUser('IN ROLE pg_read_all_data');
    await query(
      server.url(database),
      'CREATE TABLE item (id int); ALTER TABLE item ENABLE ROW LEVEL SECURITY',
    );
    const { code, message } = await refusal(server.url(database, user, 'pass@word/1'));
    assert.equal(code, 'DATABASE_PERMISSION');
    assert.match(message, /public\.item/);
  });

  it('is refused for a wrong password, which the error does not repeat', async () => {
    const user = await createUser();
    const error = await refusal(server.url(sample.database, user, 'wr0ng-secret'));
    assert.equal(error.code, 'DATABASE_AUTH');
    assert.equal(error.retryable, false);
    for (const part of [`127.0.0.1:${server.port}`, `"${user}"`, `"${sample.database}"`])
      assert.ok(error.message.includes(part), error.message);
    assert.ok(!JSON.stringify([error.message, error.hint, String(error.cause)]).includes('wr0ng-secret'));
  });

  it('is refused for an absent password', async () => {
    const url = new URL(sample.url);
    url.password = '';
    assert.equal((await refusal(url.href)).code, 'DATABASE_AUTH');
  });

  it('is refused for a database that is not there', async () => {
    const { code, message } = await refusal(server.url('no_such_database'));
    assert.equal(code, 'DATABASE_MISSING');
    assert.match(message, /"no_such_database"/);
  });

  it('fails, to be tried again, when nothing listens', async () => {
    const { code, retryable, message, hint } = await refusal(
      `postgres://me:secret@127.0.0.1:${await freePort()}/shop`,
    );
    assert.deepEqual([code, retryable], ['DATABASE_UNREACHABLE', true]);
    assert.match(
      message,
      /^PostgreSQL at 127\.0\.0\.1:\d+, user "me", database "shop": it cannot be reached: .*ECONNREFUSED/,
    );
    assert.match(hint, /host and port/);
  });

  it('fails, to be tried again, when the name of the host is not known or no socket is there', async () => {
    for (const url of [
      'postgres://me@no-such-host.invalid/shop',
      'postgres://me@localhost/shop?host=/no/such/folder',
    ]) {
      const { code, retryable } = await refusal(url);
      assert.deepEqual([code, retryable], ['DATABASE_UNREACHABLE', true]);
    }
  });

  it('fails, to be tried again, when the server takes no more connections', async () => {
    const user = await createUser('CONNECTION LIMIT 0');
    const { code, retryable } = await refusal(server.url(sample.database, user, 'pass@word/1'));
    assert.deepEqual([code, retryable], ['DATABASE_UNREACHABLE', true]);
  });

  it('gives up on a server that says nothing after the connect timeout, and at once when it is aborted', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const url = `postgres://me@127.0.0.1:${typeof address === 'object' ? address?.port : 0}/shop`;
    assert.equal((await refusal(url, engineContext({ connectTimeout: 50 }))).code, 'DATABASE_UNREACHABLE');
    const reason = new Error('enough');
    const controller = new AbortController();
    mute.once('connection', () => controller.abort(reason));
    await assert.rejects(
      engine.inspect(databaseConfig(url), engineContext({ signal: controller.signal })),
      reason,
    );
    mute.close();
  });

  it('insists on an encrypted connection where the URL does', async () => {
    const { code, message } = await refusal(`${sample.url}?sslmode=require`);
    assert.equal(code, 'DATABASE_AUTH');
    assert.match(message, /does not support SSL/);
  });
});
