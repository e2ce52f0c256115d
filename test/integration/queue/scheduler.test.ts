import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job, Queue } from 'bullmq';
import type { Resources } from '../../../src/pipeline/resources.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { type Client, createClient } from '../../../src/producer/client/client.ts';
import { reconcile } from '../../../src/producer/scheduler/reconcile.ts';
import { startScheduler } from '../../../src/producer/scheduler/scheduler.ts';
import { schedulesOf } from '../../../src/producer/scheduler/schedules.ts';
import type { Config, DatabaseConfig } from '../../../src/shared/config/schema.ts';
import { sourceFingerprint } from '../../../src/shared/fingerprint.ts';
import { compactTime } from '../../../src/shared/ids.ts';
import { withReleases } from '../../../src/shared/lifecycle.ts';
import { schedulesQueue } from '../../../src/shared/queues/names.ts';
import { openQueue } from '../../../src/shared/queues/queue.ts';
import { connectRedis } from '../../../src/shared/redis.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { storeDamagedManifest, storeManifest, storeMark } from '../../support/catalog-objects.ts';
import { sampleConfig, sampleDatabase } from '../../support/database.ts';
import { withFolder } from '../../support/folder.ts';
import { quickQueue } from '../../support/installation.ts';
import { createMemoryLogger } from '../../support/memory-logger.ts';
import { sharedRedis, startRedis } from '../../support/redis.ts';
import { until } from '../../support/until.ts';

/** Once a year: nothing is due by itself while a test runs. */
const yearly = '30 2 1 1 *';
const [older, newer] = ['shop-20260102T030405Z-abc234', 'shop-20260103T030405Z-abc234'];

describe('the schedules in Redis', () => {
  it('become those of the configuration, and one that is as it should be is not touched', () =>
    withBench(async ({ config, queue, tick }) => {
      const overdue: Date[] = [];
      const keep = (wanted: Config) =>
        reconcile({
          queue,
          wanted: schedulesOf(wanted),
          beforeChange: async ({ known }) => void overdue.push(new Date(known.next ?? 0)),
        });
      const berlin = { timezone: 'Europe/Berlin' };
      await keep(config(shopWith({ schedule: yearly }, berlin)));
      const first = await tick();
      assert.deepEqual([first.name, first.data], ['tick', { kind: 'verify', database: 'shop' }]);
      const slot = new Date(first.opts.prevMillis ?? 0);
      assert.match(slot.toISOString(), /-01-01T01:30:00\.000Z$/);

      await keep(config(shopWith({ schedule: yearly }, berlin)));
      assert.equal((await tick()).timestamp, first.timestamp, 'it was written again');

      await keep(config(shopWith({ schedule: '30 3 1 1 *' }, berlin)));
      assert.deepEqual(overdue, [slot], 'the slot of the old definition can be seen to before it is gone');
      assert.equal((await tick()).opts.prevMillis, slot.getTime() + 3_600_000);

      await keep(config(shopWith({}), shopWith({ schedule: yearly }, { name: 'crm' })));
      assert.deepEqual(
        (await queue.getJobSchedulers()).map(({ key, tz }) => [key, tz]),
        [['verify:crm', 'UTC']],
      );
      assert.equal((await tick()).data.database, 'crm');
    }));

  it('do not wait for one whose overdue run cannot be asked for, and lose none of its slot', () =>
    withBench(async ({ config, queue, tick }) => {
      const away = new Error('the storage is away');
      const keep = (wanted: Config) =>
        reconcile({
          queue,
          wanted: schedulesOf(wanted),
          beforeChange: async () => {
            throw away;
          },
        });
      await keep(config(shopWith({ schedule: yearly })));
      await tick();
      const changed = config(
        shopWith({ schedule: '30 3 1 1 *' }),
        shopWith({ schedule: yearly }, { name: 'crm' }),
      );
      await assert.rejects(keep(changed), (error) => error === away);
      const stored = await queue.getJobSchedulers();
      assert.deepEqual(
        stored.map(({ key, pattern }) => [key, pattern]).sort(),
        [
          ['verify:crm', yearly],
          ['verify:shop', yearly],
        ],
        'the changed one keeps its old definition, and with it the slot that is due',
      );
    }));

  it('are there once, however many producers start', () =>
    withBench(async ({ config, start, queue, tick }) => {
      const wanted = config(shopWith({ schedule: yearly }));
      for (let each = 0; each < 3; each += 1) start(wanted);
      await tick();
      assert.equal(await queue.getJobSchedulersCount(), 1);
    }));
});

describe('a tick', () => {
  it('enqueues the verification of one backup under the id of its slot, and again when it comes again', () =>
    withBench(async ({ config, start, storage, client, queue, tick }) => {
      await storeManifest(storage, { backupId: older });
      await storeManifest(storage, { backupId: newer });
      const ok = { level: 'decode', outcome: 'ok', seconds: 1 } as const;
      await storeMark(storage, newer, { ...ok, at: new Date('2026-01-04T00:00:00Z') });
      const wanted = config(shopWith({ schedule: yearly }));
      start(wanted);
      start(wanted);
      const due = await tick();
      const slot = new Date(due.opts.prevMillis ?? 0);
      await due.promote();
      const maintenance = client.queue('maintenance', 'default');
      const jobId = `verify-shop-slot-${compactTime(slot)}`;
      await until('it is enqueued', async () => (await maintenance.getJob(jobId)) !== undefined);
      assert.deepEqual((await maintenance.getJob(jobId))?.data, {
        backupId: older,
        storage: 'main',
        database: 'shop',
        level: 'decode',
        target: null,
        followUp: false,
      });

      // The same tick once more, as after a producer that was lost.
      const again = await queue.add('tick', due.data, { prevMillis: slot.getTime() });
      await until('it was handled', async () => (await again.getState()) === 'completed');
      assert.equal(await maintenance.getWaitingCount(), 1);
      assert.equal((await tick()).opts.prevMillis, Date.UTC(slot.getUTCFullYear() + 1, 0, 1, 2, 30));
    }));

  it('of a drill goes to the pool of its server, past a backup whose manifest cannot be used', () =>
    withBench(async ({ config, start, storage, client, tick, lines }) => {
      await storeManifest(storage, { backupId: older });
      await storeDamagedManifest(storage, newer);
      start(config(shopWith({ schedule: yearly, level: 'restore', target: 'lab' }), lab));
      await (await tick()).promote();
      const maintenance = client.queue('maintenance', 'lab');
      await until('it is enqueued', async () => (await maintenance.getWaitingCount()) === 1);
      const [job] = await maintenance.getWaiting();
      assert.equal(job?.data.backupId, older);
      assert.deepEqual(job?.data.target, { database: 'lab', source: sourceFingerprint(lab) });
      assert.equal(lines.filter((line) => /^warn .* manifest cannot be used/.test(line)).length, 1);
    }));

  it('is let pass where there is no backup, and where the schedule is gone', () =>
    withBench(async ({ config, start, queue, client, tick, lines }) => {
      start(config(shopWith({ schedule: yearly })));
      await (await tick()).promote();
      await until('it is told', () => lines.some((line) => /no backup yet/.test(line)));
      await queue.add('tick', { kind: 'verify', database: 'gone' });
      await until('it is told', () => lines.some((line) => /has no schedule any more/.test(line)));
      assert.equal(await client.queue('maintenance', 'default').getWaitingCount(), 0);
    }));

  it('that cannot be read fails, and the producer goes on', () =>
    withBench(async ({ config, start, queue }) => {
      start(config());
      const job = await queue.add('tick', { kind: 'dance' });
      await until('it failed', async () => (await job.getState()) === 'failed');
      assert.match((await queue.getJob(job.id ?? ''))?.failedReason ?? '', /^\[PAYLOAD_INVALID\]/);
    }));
});

it('a producer that starts without Redis keeps trying, and closes at once while it waits', async () => {
  const redis = await startRedis();
  try {
    await redis.kill('SIGKILL');
    await withBench(async ({ config, start, tick, lines }) => {
      const wanted = config(shopWith({ schedule: yearly }));
      await start(wanted).close();
      start(wanted);
      await redis.restart();
      await tick();
      assert.ok(lines.length < 10, lines.join('\n'));
    }, redis.url);
  } finally {
    await redis.stop();
  }
});

const lab = sampleDatabase({ name: 'lab', pool: 'lab', url: new Secret('postgres://lab@127.0.0.1:1/lab') });

function shopWith(
  verify: Partial<DatabaseConfig['verify']>,
  changes: Parameters<typeof sampleDatabase>[0] = {},
): DatabaseConfig {
  return sampleDatabase({
    ...changes,
    verify: { level: 'decode', counts: 'none', assertions: [], ...verify },
  });
}

interface Bench {
  config(...databases: DatabaseConfig[]): Config;
  /** A producer's scheduler with a connection of its own; closed afterwards. */
  start(config: Config): { close(): Promise<void> };
  queue: Queue;
  storage: Storage;
  client: Client;
  /** The only tick that waits for its time. */
  tick(): Promise<Job>;
  /** What the schedulers said. */
  lines: readonly string[];
}

let count = 0;

function withBench(use: (bench: Bench) => Promise<void>, redisUrl?: string): Promise<void> {
  count += 1;
  const installation = `schedules-${process.pid}-${count}`;
  return withFolder((path) =>
    withReleases(async (releases) => {
      const server = redisUrl === undefined ? await sharedRedis() : { url: redisUrl, stop: () => undefined };
      releases.push(server.stop);
      const connect = () => {
        const redis = connectRedis({
          url: new Secret(server.url),
          role: 'worker',
          onError: () => undefined,
        });
        releases.push(() => redis.disconnect());
        redis.connect().catch(() => undefined);
        return redis;
      };
      const config = (...databases: DatabaseConfig[]) => configOf(installation, databases);
      const clock = (): Date => new Date();
      const client = createClient({ config: () => config(shopWith({}), lab), redis: connect(), clock });
      releases.push(client.close);
      const queue = openQueue(schedulesQueue, { redis: connect(), installation });
      releases.push(() => queue.close());
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const logger = createMemoryLogger();
      const resources = { storage: async () => storage } as unknown as Resources;
      const common = { client, logger, clock, random: Math.random, onMissed: async () => undefined };
      await use({
        config,
        queue,
        storage,
        client,
        lines: logger.lines,
        start: (wanted) => {
          const scheduler = startScheduler({
            ...common,
            current: () => ({ config: wanted, resources }),
            redis: connect(),
          });
          releases.push(scheduler.close);
          return scheduler;
        },
        tick: async () => {
          await until('a tick waits', async () => (await queue.getDelayedCount()) === 1);
          const [job] = await queue.getDelayed();
          assert.ok(job);
          return job;
        },
      });
    }),
  );
}

function configOf(installation: string, databases: readonly DatabaseConfig[]): Config {
  return sampleConfig({ installation, databases, queue: { attempts: 6, maxStalledCount: 2, ...quickQueue } });
}
