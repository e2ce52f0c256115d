import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertComplaint } from '../support/complaint.ts';
import { withDiscovering } from '../support/discovering.ts';
import { quickQueue } from '../support/installation.ts';
import { withWholeServer } from '../support/server.ts';
import { until } from '../support/until.ts';

describe('the discover jobs of a server', () => {
  it('are one while none has begun, and what is asked for meanwhile joins it', () =>
    withWholeServer(async ({ installation, create, configure }) => {
      await create('shop');
      await configure({ discover: { exclude: ['postgres'] } });
      await withDiscovering(installation, async ({ ask, outcome, client }) => {
        const [first, second] = await Promise.all([ask(), ask()]);
        assert.equal(first.jobId, second.jobId);
        assert.deepEqual([first.as, second.as].sort(), ['joined', 'new']);
        assert.equal(await client.queue('backups', 'default').count(), 1);
        const worker = await installation.start(['worker']);
        const { runs } = await outcome(first.jobId);
        assert.deepEqual(
          runs.map(({ database, as }) => [database, as]),
          [['main.shop', 'new']],
        );
        assert.equal(await worker.stop(), 0);
      });
    }));

  it('are put off by a worker that would choose other databases, and in the end fail with CONFIG_DRIFT', () =>
    withWholeServer(async ({ installation, server, create, configure }) => {
      await create('shop');
      await configure();
      const databases = {
        main: { engine: 'postgres', discover: { url: server.adminUrl, exclude: ['shop'] } },
      };
      const storages = { main: { type: 'local', path: installation.backups } };
      await writeFile(
        join(installation.path, 'drifted.yaml'),
        JSON.stringify({ storages, queue: quickQueue, databases }),
      );
      const drifted = await installation.start(['worker', '--config', 'drifted.yaml']);
      const result = await installation.run('backup', 'main');
      const message = /means another server, user or choice of databases by the server "main"/;
      assertComplaint(result, { code: 'CONFIG_DRIFT', message });
      assert.equal(await drifted.stop(), 0);
      assert.deepEqual(await installation.stored(), []);
    }));

  it('fail when the server has nothing of what is asked for, and when it cannot be reached', () =>
    withWholeServer(async ({ installation, configure }) => {
      await configure({ discover: { include: ['Shop*'] } }, { queue: { ...quickQueue, attempts: 1 } });
      const worker = await installation.start(['worker']);
      const nothing = await installation.run('backup', 'main');
      const message = /the server main has no database that its patterns let through/;
      assertComplaint(nothing, { code: 'DATABASE_MISSING', message });
      assert.equal(nothing.code, 3);
      assert.equal(await worker.stop(), 0);

      const away = 'postgres://nobody:secret-0@127.0.0.1:1/postgres';
      await configure({ discover: { url: away } }, { queue: { ...quickQueue, attempts: 1 } });
      const other = await installation.start(['worker']);
      const unreachable = await installation.run('backup', 'main');
      assertComplaint(unreachable, { code: 'DATABASE_UNREACHABLE', message: /127\.0\.0\.1:1/ });
      assert.equal(unreachable.code, 5);
      assert.equal(await other.stop(), 0);
    }));

  it('fail when a database is missing that is included by name, and enqueue the runs of the others', () =>
    withWholeServer(async ({ installation, create, configure }) => {
      await create('shop');
      await configure({ discover: { include: ['shop', 'CRM', 'none*'] } });
      const worker = await installation.start(['worker']);
      const result = await installation.run('backup', 'main');
      const message = /does not have all that its `discover.include` names: "CRM" is missing/;
      assertComplaint(result, { code: 'DATABASE_MISSING', message });
      await until('the other is backed up', async () =>
        (await installation.stored()).some((key) => /^main\.shop\/catalog\/[^/]+\.json$/.test(key)),
      );
      assert.equal(await worker.stop(), 0);
    }));

  it('go to the pool that only the server names, and its databases are served there', () =>
    withWholeServer(async ({ installation, server, create, configure }) => {
      await create('shop');
      await configure(
        { pool: 'eu', discover: { exclude: ['postgres'] } },
        { databases: { crm: { engine: 'postgres', url: server.adminUrl } } },
      );
      const detached = await installation.run('backup', 'main', '--detach', '--json');
      const [asked] = detached.json<{ runs: { database: string; backupId: string; outcome: string }[] }>()
        .runs;
      assert.match(asked?.backupId ?? '', /^discover-main-/);
      assert.deepEqual([asked?.database, asked?.outcome], ['main', 'enqueued']);
      const worker = await installation.start(['worker', '--pool', 'eu']);
      const done = await installation.run('backup', 'main', 'main.shop');
      assert.equal(done.code, 0, done.stderr);
      const shown = await installation.run('jobs', 'show', asked?.backupId ?? '', '--json');
      assert.match(shown.stdout, /"state": "completed"/);
      const retried = await installation.run('jobs', 'retry', asked?.backupId ?? '');
      assert.equal(retried.code, 0, retried.stderr);
      assert.equal(await worker.stop(), 0);
    }));
});
