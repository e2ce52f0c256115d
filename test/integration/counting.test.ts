import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Queue } from 'bullmq';
import { withClient } from '../../src/producer/client/open.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import { Secret } from '../../src/shared/secret.ts';
import { type Installation, quickQueue, withInstallation } from '../support/installation.ts';
import { metricsOf } from '../support/metrics.ts';
import { until } from '../support/until.ts';

describe('what a worker counts', () => {
  it('has the labels of the configuration alone, whatever jobs hold', () =>
    withInstallation(async (installation) => {
      const { postgres, configure, start } = installation;
      const url = postgres.url(await postgres.createDatabase());
      await configure({
        databases: { shop: { engine: 'postgres', url }, main: { engine: 'postgres', discover: { url } } },
        queue: { ...quickQueue, attempts: 1, drift: { retry: 0, giveUp: 0 } },
      });
      const worker = await start(['worker', '--concurrency', '8']);
      await withQueues(installation, async (queues) => {
        const before = (await metricsOf(worker)).size;
        const bombs = Array.from({ length: 300 }, (_, index) => [
          ...bomb(queues.maintenance, index, `main.db${index}`),
          ...bomb(queues.maintenance, index, `none${index}`),
          queues.backups.add('backup', { ...namesOf(`main.db${index}`), source: 'f'.repeat(64), trigger }),
          queues.backups.add(`constructor`, { database: `none${index}` }),
          queues.backups.add('__proto__', `none${index}`),
        ]);
        await Promise.all(bombs.flat());
        await until(
          'all have failed',
          async () =>
            (await queues.maintenance.getFailedCount()) === 1_800 &&
            (await queues.backups.getFailedCount()) === 900,
          60_000,
        );
        const series = await metricsOf(worker);
        assert.ok(series.size - before < 30, [...series.keys()].join('\n'));
        assert.ok(![...series.keys()].some((each) => /db\d|none\d|lev\d|store\d/.test(each)));
        assert.equal(series.get('backup_failure_total{database="main",engine="postgres"}'), 300);
        assert.equal(series.get('backup_failure_total{database="unknown",engine="unknown"}'), 600);
        assert.equal(series.get('backup_prune_failures_total{database="main",engine="postgres"}'), 300);
        const verified = 'backup_verification_total{database="main",engine="postgres"';
        assert.equal(series.get(`${verified},level="unknown",outcome="error"}`), 300);
        const copied = 'backup_copy_total{database="main",engine="postgres"';
        assert.equal(series.get(`${copied},storage="unknown",outcome="failed"}`), 300);
      });
      assert.equal(await worker.stop(), 0);
    }));

  it('tells copies, and a backup that is found bad from a verification that could not be done', () =>
    withInstallation(async ({ path, backups, postgres, configure, run, start, stored }) => {
      const url = postgres.url(await postgres.createDatabase());
      const storages = {
        main: { type: 'local', path: backups },
        offsite: { type: 'local', path: join(path, 'offsite') },
      };
      const shop = { engine: 'postgres', url, storage: 'main', copies: ['offsite'] };
      await configure({ databases: { shop }, storages });
      const worker = await start(['worker']);
      const count = async (name: string, labels: string): Promise<number> =>
        (await metricsOf(worker)).get(`${name}{database="shop",engine="postgres",${labels}}`) ?? 0;
      const made = await run('backup', 'shop', '--json');
      assert.equal(made.code, 0, made.stderr);
      await until(
        'the copy is counted',
        async () => (await count('backup_copy_total', 'storage="offsite",outcome="ok"')) === 1,
      );
      const series = await metricsOf(worker);
      assert.equal(
        await count('backup_copy_bytes_total', 'storage="offsite"'),
        series.get('backup_bytes_total{database="shop",engine="postgres"}'),
      );
      const verified = 'backup_verification_total';
      await until('it is proven', async () => (await count(verified, 'level="decode",outcome="ok"')) === 1);

      const data = (await stored()).find((key) => key.endsWith('data.dump.zst')) ?? '';
      await writeFile(join(backups, data), 'rubbish');
      assert.equal((await run('verify', 'shop', '--level', 'checksum')).code, 1);
      await until(
        'it is found bad',
        async () => (await count(verified, 'level="checksum",outcome="failed"')) === 1,
      );
      assert.equal(await worker.stop(), 0);
    }));
});

const trigger = { kind: 'manual' };

function namesOf(database: string): { backupId: string; database: string } {
  return { backupId: `${database}-20260102T030405Z-abc234`, database };
}

/** Jobs that must fail, each with names of its own. */
function bomb(queue: Queue, index: number, database: string): Promise<unknown>[] {
  const names = namesOf(database);
  return [
    queue.add('verify', { ...names, level: `lev${index}` }),
    queue.add('copy', { ...names, from: 'main', to: `store${index}` }),
    queue.add('prune', { database, retire: `${index}` }),
  ];
}

async function withQueues(
  { env, path }: Installation,
  use: (queues: { backups: Queue; maintenance: Queue }) => Promise<void>,
): Promise<void> {
  const config = await loadConfig({ file: undefined, env, cwd: path });
  await withClient({ config, redisUrl: new Secret(env.REDIS_URL ?? '') }, ({ client }) =>
    use({
      backups: client.queue('backups', 'default'),
      maintenance: client.queue('maintenance', 'default'),
    }),
  );
}
