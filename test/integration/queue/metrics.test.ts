import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Job, type Queue, Worker } from 'bullmq';
import { Registry } from 'prom-client';
import { createClient } from '../../../src/producer/client/client.ts';
import type { Freshness } from '../../../src/producer/freshness/freshness.ts';
import { createProducerMetrics, type ProducerMetrics } from '../../../src/producer/metrics/metrics.ts';
import type { Config } from '../../../src/shared/config/schema.ts';
import { BackupDataError, toFailedReason } from '../../../src/shared/errors.ts';
import { type ReleaseStack, withReleases } from '../../../src/shared/lifecycle.ts';
import { redisPrefix } from '../../../src/shared/queues/names.ts';
import { connectRedis } from '../../../src/shared/redis.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { sampleConfig, sampleDatabase } from '../../support/database.ts';
import { sampleCatalogs, sampleFreshness } from '../../support/freshness.ts';
import { sharedRedis, startRedis, type TestRedis } from '../../support/redis.ts';
import { until } from '../../support/until.ts';

describe('the metrics of Redis', () => {
  it('count the jobs of each queue by state, and those that take them', () =>
    withBench(async ({ scrape, queue, work }) => {
      const quiet = await scrape();
      assert.equal(quiet('backup_redis_up'), 1);
      assert.equal(quiet('backup_workers{queue="backups"}'), 0);
      assert.equal(quiet('backup_queue_oldest_waiting_seconds{queue="backups"}'), 0);
      await queue.add('backup', { database: 'shop' }, { timestamp: Date.now() - 60_000 });
      await queue.add('backup', { database: 'shop' });
      await queue.add('backup', { database: 'shop' }, { delay: 600_000 });
      const busy = await scrape();
      assert.equal(busy('backup_queue_jobs{queue="backups",state="waiting"}'), 2);
      assert.equal(busy('backup_queue_jobs{queue="backups",state="delayed"}'), 1);
      assert.equal(busy('backup_queue_jobs{queue="backups.eu",state="waiting"}'), 0);
      const oldest = busy('backup_queue_oldest_waiting_seconds{queue="backups"}') ?? 0;
      assert.ok(oldest >= 60 && oldest < 120, String(oldest));
      await work(async () => undefined);
      await until('the worker is counted', async () => {
        const now = await scrape();
        return (
          now('backup_workers{queue="backups"}') === 1 && now('backup_workers{queue="backups.eu"}') === 0
        );
      });
      await until('nothing waits', async () => {
        const now = await scrape();
        return now('backup_queue_jobs{queue="backups",state="waiting"}') === 0;
      });
      assert.equal((await scrape())('backup_queue_oldest_waiting_seconds{queue="backups"}'), 0);
    }));

  it('tell of each entry whether its last run failed, be the worker there or gone, until there is a backup', () =>
    withBench(async ({ scrape, queue, work, freshness, reopen }) => {
      const failed = (database: string) => `backup_last_run_failed{database="${database}"}`;
      assert.equal((await scrape())(failed('shop')), 0);
      let outcome: (job: Job) => void = fail('DATABASE_UNREACHABLE');
      await work(async (job) => outcome(job));
      const run = (data: object, name = 'backup'): Promise<void> => finished(queue, name, data);
      await run({ database: 'shop' });
      await run({ database: 'main.one' });
      let now = await scrape();
      assert.deepEqual([now(failed('shop')), now(failed('main')), now(failed('crm'))], [1, 1, 0]);

      const again = await reopen();
      now = await again();
      assert.deepEqual(
        [now(failed('shop')), now(failed('main')), now(failed('crm'))],
        [1, 1, 0],
        'a new process',
      );

      outcome = () => undefined;
      await run({ database: 'shop' });
      assert.equal((await scrape())(failed('shop')), 0);
      freshness.push(
        sampleFreshness({ database: 'main.one', newest: { finishedAt: new Date(Date.now() + 60_000) } }),
      );
      assert.equal((await scrape())(failed('main')), 0, 'the catalog has a newer backup');

      outcome = fail('DATABASE_UNREACHABLE');
      await run({ server: 'main' }, 'discover');
      assert.equal((await scrape())(failed('main')), 1, 'its server could not be asked');
      outcome = () => undefined;
      await run({ server: 'main' }, 'discover');
      assert.equal((await scrape())(failed('main')), 0);

      outcome = fail('CANCELLED');
      await run({ database: 'crm' });
      assert.equal((await scrape())(failed('crm')), 0, 'somebody cancelled it');
    }));

  it('give every entry a count of missed slots', () =>
    withBench(async ({ scrape, missed }) => {
      missed.set('crm', 2).set('gone', 7);
      const now = await scrape();
      assert.equal(now('backup_missed_slots_total{database="shop"}'), 0);
      assert.equal(now('backup_missed_slots_total{database="crm"}'), 2);
      assert.equal(now('backup_missed_slots_total{database="gone"}'), undefined);
    }));

  it('cost a scrape nothing while Redis is away, and a second while it does not answer; the last runs stay known', async () => {
    const redis = await startRedis({ appendonly: true });
    try {
      await withBench(async ({ scrape, queue, work }) => {
        const stop = await work(async () => fail('DATABASE_UNREACHABLE')());
        await finished(queue, 'backup', { database: 'shop' });
        await stop();
        await scrape();
        await redis.kill('SIGSTOP');
        const silent = await timed(scrape);
        assert.ok(silent.took < 2_000, `${silent.took} ms`);
        await redis.kill('SIGKILL');
        await until('it is seen', async () => (await timed(scrape)).took < 500);
        for (const { now } of [silent, await timed(scrape)]) {
          assert.equal(now('backup_redis_up'), 0);
          assert.equal(now('backup_queue_jobs{queue="backups",state="waiting"}'), undefined);
          assert.equal(now('backup_last_run_failed{database="shop"}'), 1);
        }
        await redis.restart();
        await until('it is back', async () => (await scrape())('backup_redis_up') === 1);
      }, redis);
    } finally {
      await redis.stop();
    }
  });
});

describe('what the producer is told', () => {
  it('is counted: notifications by what came of them, from 0 on, and whether the configuration could be loaded', () =>
    withBench(async ({ scrape, metrics }) => {
      const sent = 'backup_notifications_total{notifier="ops",event="failure",outcome="sent"}';
      assert.equal((await scrape())(sent), 0);
      metrics.notified({ notifier: 'ops', kind: 'failure', outcome: 'sent' });
      metrics.notified({ notifier: 'ops', kind: 'recovery', outcome: 'failed' });
      let now = await scrape();
      assert.equal(now(sent), 1);
      assert.equal(now('backup_notifications_total{notifier="ops",event="recovery",outcome="failed"}'), 1);
      const loadedAt = now('backup_config_last_reload_success_timestamp_seconds');
      assert.equal(now('backup_config_last_reload_successful'), 1);
      metrics.reloaded(false);
      now = await scrape();
      assert.equal(now('backup_config_last_reload_successful'), 0);
      assert.equal(now('backup_config_last_reload_success_timestamp_seconds'), loadedAt);
    }));
});

type Now = (series: string) => number | undefined;

interface Bench {
  scrape(): Promise<Now>;
  metrics: ProducerMetrics;
  /** Of backups, in the default pool. */
  queue: Queue;
  /** Gives what ends the worker; it ends with the bench at the latest. */
  work(process: (job: Job) => Promise<void>): Promise<() => Promise<void>>;
  freshness: ReturnType<typeof sampleFreshness>[];
  missed: Map<string, number>;
  /** The metrics of another process with the same Redis. */
  reopen(): Promise<() => Promise<Now>>;
}

let count = 0;

async function withBench(use: (bench: Bench) => Promise<void>, own?: TestRedis): Promise<void> {
  const redis = own ?? (await sharedRedis());
  await withReleases(async (releases) => {
    if (!own) releases.push(redis.stop);
    count += 1;
    const config = configOf(`metrics-${process.pid}-${count}`);
    const url = new Secret(redis.url);
    const freshness: Bench['freshness'] = [];
    const missed = new Map<string, number>();
    const open = () => openMetrics({ config, url, releases, freshness, missed });
    const { client, metrics, scrape } = await open();
    const work: Bench['work'] = async (process) => {
      const connection = connectRedis({ url, role: 'worker', onError: () => undefined });
      const worker = new Worker('backups', process, { connection, prefix: redisPrefix(config.installation) });
      worker.on('error', () => undefined);
      const stop = async () => {
        await worker.close();
        connection.disconnect();
      };
      releases.push(stop);
      await worker.waitUntilReady();
      return stop;
    };
    const queue = client.queue('backups', 'default');
    await use({ scrape, metrics, queue, work, freshness, missed, reopen: async () => (await open()).scrape });
  });
}

async function openMetrics(options: {
  config: Config;
  url: Secret;
  releases: ReleaseStack;
  freshness: Bench['freshness'];
  missed: Map<string, number>;
}) {
  const { config, url, releases, freshness, missed } = options;
  const redis = connectRedis({ url, role: 'worker', onError: () => undefined });
  releases.push(() => redis.disconnect());
  await redis.connect();
  const clock = () => new Date();
  const client = createClient({ config: () => config, redis, clock });
  releases.push(client.close);
  const registry = new Registry();
  const catalogs: Pick<Freshness, 'databases' | 'get' | 'storages'> = sampleCatalogs(freshness);
  const metrics = createProducerMetrics({
    registry,
    current: () => ({ config, resources: {} as never }),
    redis,
    queues: () => client.queues,
    freshness: catalogs,
    missedSlots: async () => missed,
    clock,
  });
  return { client, metrics, scrape: async () => reader(await registry.metrics()) };
}

function reader(text: string): Now {
  const values = new Map(
    text.split('\n').map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
  return (series) => values.get(series);
}

function configOf(installation: string): Config {
  const template = { ...sampleDatabase({ name: 'main' }), url: sampleDatabase().url };
  return sampleConfig({
    installation,
    databases: [sampleDatabase(), sampleDatabase({ name: 'crm', pool: 'eu' })],
    servers: new Map([['main', { template, include: [], exclude: [] }]]),
    notifiers: new Map([
      [
        'ops',
        {
          type: 'webhook',
          url: new Secret('https://example.com'),
          on: ['failure', 'recovery'],
          allowPrivate: false,
        },
      ],
    ]),
  });
}

function fail(code: 'DATABASE_UNREACHABLE' | 'CANCELLED'): () => never {
  return () => {
    throw new Error(toFailedReason(new BackupDataError(code, 'it did not work')));
  };
}

async function finished(queue: Queue, name: string, data: object): Promise<void> {
  const job = await queue.add(name, data);
  await until('the run is over', async () => ['failed', 'completed'].includes(await job.getState()));
}

async function timed(scrape: () => Promise<Now>): Promise<{ now: Now; took: number }> {
  const start = performance.now();
  const now = await scrape();
  return { now, took: performance.now() - start };
}
