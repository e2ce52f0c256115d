import assert from 'node:assert/strict';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBulk } from '../support/bulk-database.ts';
import { assertComplaint } from '../support/complaint.ts';
import { withFleet } from '../support/fleet.ts';
import { hangDump } from '../support/hung-dump.ts';
import { type Installation, quickQueue, type Running, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const anew = 'the configuration was loaded anew';
const unchanged = `${anew}, and is as it was`;
const refused = 'the configuration could not be loaded anew; the one before stays in use';

describe('a configuration that changes while a process runs', () => {
  it('gives `up` a database that is added to its file, in a pool of its own, and shows its queues', () =>
    withInstallation(async (installation) => {
      const { run, configure, start, path } = installation;
      const shop = await database(installation);
      await configure({ databases: { shop } });
      const up = await start(['up']);
      const crm = { ...(await database(installation)), pool: 'far' };
      await replace(installation, { shop, crm });
      await said(up, anew);
      const { cause, added, changed, removed, also } = lineOf(up, anew);
      assert.deepEqual(
        { cause, added, changed, removed, also },
        { ...nothing, cause: 'a file changed', added: ['crm'] },
      );
      const backup = await run('backup', 'crm');
      assert.equal(backup.code, 0, backup.stderr);
      const { http } = JSON.parse(await readFile(join(path, 'data', 'up.json'), 'utf8'));
      const authorization = `Bearer ${/#(bkd_\S+)/.exec(up.log())?.[1]}`;
      const shown = await (await fetch(`${http}/queues/api/queues`, { headers: { authorization } })).text();
      assert.match(shown, /"backups\.far"/);
      assert.equal(await up.stop(), 0);
    }));

  it('is told to `serve` and `worker` by SIGHUP: what comes, what changes, what goes', () =>
    withInstallation(async (installation) => {
      const { run, configure, start } = installation;
      const [shop, crm, old] = [
        await database(installation),
        await database(installation),
        await database(installation),
      ];
      await configure({ databases: { shop, old } });
      const processes = [await start(['serve']), await start(['worker'])];
      // Another database under the name: the worker refuses a job that it does not agree with.
      await configure({ databases: { shop: { ...crm, maxDuration: '1h' }, crm } });
      for (const each of processes) {
        each.child.kill('SIGHUP');
        await said(each, anew);
        const { cause, added, changed, removed } = lineOf(each, anew);
        assert.deepEqual(
          { cause, added, changed, removed },
          { cause: 'SIGHUP', added: ['crm'], changed: ['shop'], removed: ['old'] },
        );
      }
      for (const name of ['shop', 'crm']) assert.equal((await run('backup', name)).code, 0);
      await configure({ databases: { shop, old, crm } });
      await withFleet(installation, async (fleet) => {
        await configure({ databases: { shop, crm } });
        const backupId = await fleet.backup('old');
        await assert.rejects(fleet.outcome(backupId), {
          code: 'CONFIG_DRIFT',
          message: /does not have the database "old"/,
        });
      });
      for (const each of processes) assert.equal(await each.stop(), 0);
    }));

  it('stays what it was while the file is not valid, of which the log says all that is wrong', () =>
    withInstallation(async (installation) => {
      const { run, configure, start, path } = installation;
      const shop = await database(installation);
      await configure({ databases: { shop } });
      const valid = join(path, 'valid.yaml');
      await writeFile(valid, await readFile(join(path, 'backupdata.yaml')));
      const worker = await start(['worker']);
      await configure({ databases: { shop: { ...shop, pol: 'eu', schedule: 'at noon' } } });
      worker.child.kill('SIGHUP');
      await said(worker, refused);
      const { error } = lineOf(worker, refused) as { error: { code: string; message: string } };
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.match(error.message, /databases\.shop\.pol: .*\n.*databases\.shop\.schedule: /);
      const backup = await run('backup', 'shop', '--config', valid);
      assert.equal(backup.code, 0, backup.stderr);
      await configure({ databases: { shop, crm: shop } });
      await said(worker, anew);
      assert.equal((await run('backup', 'crm')).code, 0);
      assert.equal(await worker.stop(), 0);
    }));

  it('does not touch a backup that runs, though its database is taken out of the file', () =>
    withInstallation(async (installation) => {
      const { configure, start, run } = installation;
      const bulk = await createBulk(installation.postgres, 8);
      const shop = { engine: 'postgres', url: installation.postgres.url(bulk) };
      const crm = await database(installation);
      await configure({ databases: { shop, crm } });
      const worker = await start(['worker']);
      await withFleet(installation, async (fleet) => {
        const backupId = await fleet.backup('shop');
        const wake = await hangDump(installation.postgres, bulk);
        try {
          await configure({
            databases: { crm },
            storages: { other: { type: 'local', path: installation.path } },
          });
          worker.child.kill('SIGHUP');
          await said(worker, anew);
        } finally {
          wake();
        }
        assert.equal((await fleet.outcome(backupId)).backupId, backupId);
        assert.equal((await fleet.job(backupId)).attemptsStarted, 1);
        assert.ok((await installation.stored()).some((file) => file.includes(backupId)));
      });
      assertComplaint(await run('backup', 'shop'), {
        code: 'DATABASE_UNKNOWN',
        message: /no database "shop"/,
      });
      assert.equal(await worker.stop(), 0);
    }));

  it('is masked in the log with its new secrets, from a file that it names, and with its old ones', () =>
    withInstallation(async (installation) => {
      const { configure, start, run, path } = installation;
      const [older, newer] = ['Canary-one/1', 'Canary-two/2'];
      await writeFile(join(path, 'token'), older);
      const program = join(path, 'tells');
      await writeFile(program, `echo "token $TOKEN or ${older} or ${newer}" >&2; exit 5\n`);
      const environment = { TOKEN: '${file:token}' };
      const files = { engine: 'command', environment, dump: ['sh', program], inspect: ['true'] };
      await configure({ databases: { files }, queue: { ...quickQueue, attempts: 1 } });
      const worker = await start(['worker']);
      await writeFile(join(path, 'token'), newer);
      await said(worker, anew);
      assert.deepEqual(lineOf(worker, anew).changed, ['files']);
      assert.notEqual((await run('backup', 'files')).code, 0);
      assert.match(worker.log(), /token \[redacted\] or \[redacted\] or \[redacted\]/);
      for (const secret of [older, newer])
        assert.ok(!worker.log().includes(secret), `the log tells ${secret}`);
      assert.equal(await worker.stop(), 0);
    }));
});

describe('SIGHUP', () => {
  it('does not end a process that is still starting, and is answered once that runs', () =>
    withInstallation(async (installation) => {
      const { configure, start, env, path } = installation;
      delete env.REDIS_URL;
      await configure({ databases: { shop: await database(installation) } });
      const up = await start(['up'], { ready: /^/ });
      const redis = join(path, 'data', 'redis', 'redis.conf');
      await until('it starts its Redis', () => exists(redis), 20_000);
      up.child.kill('SIGHUP');
      assert.doesNotMatch(up.log(), /is up/);
      await said(up, unchanged);
      assert.equal(await up.stop(), 0);
    }));

  it('is answered by a worker that waits for its Redis', () =>
    withInstallation(
      async (installation) => {
        const { configure, start } = installation;
        await configure({ databases: { shop: { engine: 'postgres', url: 'postgres://u@127.0.0.1:1/d' } } });
        const worker = await start(['worker'], { ready: /Redis cannot be reached/ });
        worker.child.kill('SIGHUP');
        await said(worker, unchanged);
        assert.equal(await worker.stop(), 0);
      },
      { redisUrl: 'redis://127.0.0.1:1' },
    ));

  it('says of a process without a file that its environment cannot change', () =>
    withInstallation(async ({ start, env, path }) => {
      env.DATABASE_URL = 'postgres://u@127.0.0.1:1/d';
      env.BACKUP_DIR = path;
      const worker = await start(['worker']);
      worker.child.kill('SIGHUP');
      await until('it says so', () => /comes from the environment, which stays as it is/.test(worker.log()));
      assert.equal(await worker.stop(), 0);
    }));

  it('ends a command that is no service, as ever', () =>
    withInstallation(async (installation) => {
      await installation.configure({ databases: { shop: await database(installation) } });
      await withFleet(installation, async ({ redis }) => {
        const backup = await installation.start(['backup', 'shop'], { ready: /^/ });
        await until(
          'it follows its job',
          async () => (await redis.keys(`${installation.prefix}:backups:shop-*`)).length > 0,
          20_000,
        );
        assert.equal(await backup.stop('SIGHUP'), null);
        assert.equal(backup.child.signalCode, 'SIGHUP');
      });
    }));
});

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

const nothing = { added: [], changed: [], removed: [], also: [] };

/** As an editor saves: another file under the same name. */
async function replace({ path, backups }: Installation, databases: Record<string, object>): Promise<void> {
  const config = { storages: { main: { type: 'local', path: backups } }, queue: quickQueue, databases };
  await writeFile(join(path, 'saved.yaml'), JSON.stringify(config));
  await rename(join(path, 'saved.yaml'), join(path, 'backupdata.yaml'));
}

async function database({ postgres }: Installation): Promise<{ engine: string; url: string }> {
  const url = postgres.url(await postgres.createDatabase());
  await query(url, 'CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 10) n');
  return { engine: 'postgres', url };
}

function said(process: Running, message: string): Promise<void> {
  return until(`it says "${message}"`, () => linesOf(process, message).length > 0, 20_000);
}

function lineOf(process: Running, message: string): Record<string, unknown> {
  return linesOf(process, message)[0] ?? {};
}

function linesOf(process: Running, message: string): Record<string, unknown>[] {
  const lines = process.log().split('\n');
  const complete = lines.slice(0, -1).filter((line) => line.startsWith('{"time"'));
  return complete.map((line) => JSON.parse(line)).filter((line) => line.message === message);
}
