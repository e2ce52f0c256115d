import { setTimeout as delay } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import { configuredNames } from '../../shared/config/servers.ts';
import { redisPrefix } from '../../shared/queues/names.ts';
import type { Current } from '../current.ts';
import type { Freshness } from '../freshness/freshness.ts';
import { counterAtScrape, createDatabaseLabels, gaugeAtScrape, type Sample, shared } from './at-scrape.ts';
import { failingEntries } from './failing.ts';
import { createLastRuns } from './last-runs.ts';
import { countWorkers, lookAtQueues, type QueueLook } from './redis-look.ts';

export interface RedisMetricsOptions {
  registry: Registry;
  current: Current;
  redis: Redis;
  /** Those that are looked at, as they are now. */
  queues: () => readonly Queue[];
  freshness: Pick<Freshness, 'get'>;
  /** Slots that no run of their own was made for, by database or server. */
  missedSlots: () => Promise<ReadonlyMap<string, number>>;
  clock: () => Date;
}

/** Milliseconds that Redis may take; then a scrape is answered without it. */
const patience = 1_000;

/** What Redis tells. While it is away there is nothing of it but that, and what is known of the last runs. */
export function addRedisMetrics(options: RedisMetricsOptions): void {
  const { registry } = options;
  const look = patiently(options.redis, () => lookAtRedis(options));
  const labelsOf = createDatabaseLabels();
  const queueLabel = ['queue'] as const;
  gaugeAtScrape(
    registry,
    { name: 'backup_redis_up', help: 'Whether Redis answers within a second (1), or not (0).' },
    async () => [{ value: Number((await look()) !== undefined), labels: {} }],
  );
  gaugeAtScrape(
    registry,
    {
      name: 'backup_queue_jobs',
      help: 'Jobs in a queue: waiting, active, delayed or failed.',
      labelNames: ['queue', 'state'],
    },
    async () => ((await look())?.queues ?? []).flatMap(jobsOf),
  );
  gaugeAtScrape(
    registry,
    {
      name: 'backup_queue_oldest_waiting_seconds',
      help: 'How long the next job of a queue has been waiting; 0 where none waits.',
      labelNames: queueLabel,
    },
    async () =>
      ((await look())?.queues ?? []).map(({ queue, oldestWaiting }) => ({
        value: oldestWaiting / 1_000,
        labels: { queue },
      })),
  );
  gaugeAtScrape(
    registry,
    {
      name: 'backup_workers',
      help: 'Processes that take jobs of a queue; none where Redis does not list its clients.',
      labelNames: queueLabel,
    },
    async () => [...((await look())?.workers ?? [])].map(([queue, value]) => ({ value, labels: { queue } })),
  );
  counterAtScrape(
    registry,
    {
      name: 'backup_missed_slots_total',
      help: 'Slots of a schedule that no run of their own was made for; kept in Redis.',
      labelNames: ['database'],
    },
    async () => {
      const missed = (await look())?.missed ?? [];
      const { config } = options.current();
      return [...missed].map(([database, value]) => ({ value, labels: labelsOf(config, database) }));
    },
  );
  addLastRuns(options, labelsOf);
}

/** In a look of its own: the first of a process reads thousands of jobs, and the others must not wait for it. */
function addLastRuns(options: RedisMetricsOptions, labelsOf: ReturnType<typeof createDatabaseLabels>): void {
  const { registry, redis, queues, current, freshness } = options;
  const runs = createLastRuns(redis);
  const look = patiently(redis, () => runs.look(queues().filter(({ name }) => /^backups(\.|$)/.test(name))));
  gaugeAtScrape(
    registry,
    {
      name: 'backup_last_run_failed',
      help: 'Whether the last run failed for good, after its last attempt, and no backup came since (1), or not (0); of a server, whether that of any of its databases did.',
      labelNames: ['database'],
    },
    async () => {
      await look();
      const { config } = current();
      const failing = failingEntries({ config, runs: runs.known, freshness });
      return configuredNames(config).map((database) => ({
        value: Number(failing.has(database)),
        labels: labelsOf(config, database),
      }));
    },
  );
}

interface RedisLook {
  queues: readonly QueueLook[];
  workers: ReadonlyMap<string, number> | undefined;
  missed: ReadonlyMap<string, number> | undefined;
}

async function lookAtRedis(options: RedisMetricsOptions): Promise<RedisLook> {
  const { redis, current, clock } = options;
  const queues = options.queues();
  const { config } = current();
  const [looks, workers, missed] = await Promise.all([
    lookAtQueues(queues, clock()),
    countWorkers(redis, { queues, prefix: redisPrefix(config.installation) }),
    options.missedSlots().catch(() => undefined),
  ]);
  return { queues: looks, workers, missed: missed && ofConfigured(missed, configuredNames(config)) };
}

/** Every name has a count, so that the first slot that is missed is an increase. */
function ofConfigured(
  missed: ReadonlyMap<string, number>,
  names: readonly string[],
): ReadonlyMap<string, number> {
  return new Map(names.map((name) => [name, missed.get(name) ?? 0]));
}

function jobsOf({ queue, jobs }: QueueLook): Sample[] {
  return Object.entries(jobs).map(([state, value]) => ({ value, labels: { queue, state } }));
}

/**
 * One look at a time. Undefined when it failed or takes too long, and at once while Redis is away: commands would wait for it, more of
 * them with each scrape.
 */
function patiently<T>(redis: Redis, look: () => Promise<T>): () => Promise<T | undefined> {
  const once = shared(look);
  return async () => {
    if (redis.status !== 'ready') return undefined;
    const over = new AbortController();
    const limit = delay(patience, undefined, { signal: over.signal }).catch(() => undefined);
    const found = once().catch(() => undefined);
    return Promise.race([found, limit]).finally(() => over.abort());
  };
}
