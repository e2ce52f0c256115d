import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { assertComplaint, assertJsonComplaint, type Complaint } from '../support/complaint.ts';
import { type Installation, quickQueue, type Running, withInstallation } from '../support/installation.ts';
import { makeTools } from '../support/misbehaving-tools.ts';
import { freePort } from '../support/ports.ts';
import { query } from '../support/postgres.ts';
import { startsOf } from '../support/worker-log.ts';

const queue = { ...quickQueue, attempts: 2 };

describe('a backup that cannot be made fails with one sentence and one hint', () => {
  it('whatever is wrong with the database or its storage', (context) =>
    withInstallation(async (installation) => {
      const { postgres, path, configure, start } = installation;
      const database = await filledDatabase(installation);
      const role = postgres.uniqueName();
      await query(postgres.adminUrl, `CREATE ROLE ${role} LOGIN PASSWORD 'limited'`);
      const file = join(path, 'file');
      await writeFile(file, '');
      const port = await freePort();
      const at = (url: string, more = {}) => ({ engine: 'postgres', url, ...more });
      await configure({
        storages: {
          main: { type: 'local', path: installation.backups },
          broken: { type: 'local', path: join(file, 'root') },
        },
        databases: {
          unreachable: at(`postgres://someone@127.0.0.1:${port}/shop`),
          refused: at(postgres.url(database, 'admin', 'not the password')),
          absent: at(postgres.url(postgres.uniqueName())),
          denied: at(postgres.url(database, role, 'limited')),
          homeless: at(postgres.url(database), { storage: 'broken' }),
        },
        defaults: { storage: 'main' },
        queue,
      });
      const worker = await start(['worker', '--concurrency', '2']);
      const table: Record<string, Complaint & { attempts: number }> = {
        unreachable: {
          code: 'DATABASE_UNREACHABLE',
          message: new RegExp(`127\\.0\\.0\\.1:${port}`),
          attempts: 2,
        },
        refused: {
          code: 'DATABASE_AUTH',
          message: /refused the log-in.*password authentication failed/,
          attempts: 1,
        },
        absent: { code: 'DATABASE_MISSING', message: /there is no such database/, attempts: 1 },
        denied: { code: 'DATABASE_PERMISSION', message: /may not read .* public\.closed/, attempts: 1 },
        homeless: { code: 'STORAGE_UNAVAILABLE', message: /storage broken .* is not a folder/, attempts: 2 },
      };
      await failingBackups(context, { installation, worker, table });
    }));

  it('when the dump tool is missing', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, start } = installation;
      const tools = await makeTools(join(path, 'tools'), { pg_dump: null });
      const shop = { engine: 'postgres', url: postgres.url(await filledDatabase(installation)) };
      await configure({ databases: { shop }, queue, tools: { path: [tools] } });
      const worker = await start(['worker']);
      const message = /no PostgreSQL client tools \(pg_dump, .*\) are installed/;
      const hint = /apt-get install postgresql-client-\d+/;
      await failingBackups(context, {
        installation,
        worker,
        table: { shop: { code: 'TOOL_MISSING', message, hint, attempts: 1 } },
      });
    }));

  it('when the compressor is missing', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, start } = installation;
      const tools = await makeTools(join(path, 'tools'), { zstd: null });
      const shop = { engine: 'postgres', url: postgres.url(await filledDatabase(installation)) };
      await configure({ databases: { shop }, queue, tools: { path: [tools] } });
      const worker = await start(['worker']);
      const message = /the program zstd is not installed/;
      await failingBackups(context, {
        installation,
        worker,
        table: { shop: { code: 'TOOL_MISSING', message, attempts: 1 } },
      });
    }));

  it('when the server is newer than every installed dump tool', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, start } = installation;
      const older = 'case "$1" in --version) echo "${0##*/} (PostgreSQL) 12.9";; *) exec "$REAL" "$@";; esac';
      const family = Object.fromEntries(
        ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql'].map((name) => [name, older]),
      );
      const tools = await makeTools(join(path, 'tools'), family);
      const shop = { engine: 'postgres', url: postgres.url(await filledDatabase(installation)) };
      await configure({ databases: { shop }, queue, tools: { path: [tools] } });
      const worker = await start(['worker']);
      const message = /the server is PostgreSQL \d+, the newest pg_dump here is 12/;
      await failingBackups(context, {
        installation,
        worker,
        table: { shop: { code: 'TOOL_TOO_OLD', message, attempts: 1 } },
      });
    }));
});

async function filledDatabase({ postgres }: Installation): Promise<string> {
  const database = await postgres.createDatabase();
  await query(
    postgres.url(database),
    'CREATE TABLE open (id int); CREATE TABLE closed (id int); GRANT SELECT ON open TO PUBLIC',
  );
  return database;
}

/** Backs every database of the table up twice, for people and for programs, and looks at what is left. */
async function failingBackups(
  context: TestContext,
  options: {
    installation: Installation;
    worker: Running;
    table: Record<string, Complaint & { attempts: number }>;
  },
): Promise<void> {
  const { installation, worker, table } = options;
  for (const [database, { attempts, ...complaint }] of Object.entries(table)) {
    await context.test(database, async () => {
      assertComplaint(await installation.run('backup', database), complaint);
      const json = await installation.run('backup', database, '--json');
      assertJsonComplaint(json, complaint);
      const [run] = json.json<{ runs: { backupId: string; outcome: string }[] }>().runs;
      assert.ok(run);
      assert.equal(run.outcome, 'failed');
      assert.equal(startsOf(worker, run.backupId).length, attempts, 'attempts');
      const left = await installation.stored();
      assert.deepEqual(
        left.filter((path) => path !== 'backupdata.json'),
        [],
      );
    });
  }
}
