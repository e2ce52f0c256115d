import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import { createReleaseStack, type ReleaseStack } from '../shared/lifecycle.ts';
import type { Logger } from '../shared/logger.ts';
import { connectRedis } from '../shared/redis.ts';
import { watchRedis } from '../shared/redis-watch.ts';
import type { Secret } from '../shared/secret.ts';
import type { Service } from '../shared/service.ts';
import { isLoopback, startConsole } from './api/console.ts';
import { createClient } from './client/client.ts';
import { createReloadable, type Loaded, type Reloadable } from './current.ts';
import { startEvents } from './events/events.ts';
import { createKnownDatabases } from './freshness/known-databases.ts';
import { startFreshness } from './freshness/start.ts';
import { createProducerMetrics, type ProducerMetrics } from './metrics/metrics.ts';
import { startNotifying } from './notifiers/notifying.ts';
import { openOutbox } from './notifiers/outbox.ts';
import { startScheduler } from './scheduler/scheduler.ts';

export interface ProducerService extends Service {
  /** Where the console is; null where it may not be served. */
  url: string | null;
  /** What begins from now on has this configuration. */
  reload(loaded: Loaded): void;
  /** Is told of each configuration that was loaded anew, and of each that could not be. */
  reloaded: ProducerMetrics['reloaded'];
}

interface Options {
  loaded: Loaded;
  redisUrl: Secret;
  host: string;
  port: number;
  logger: Logger;
  /** Of the process; a worker beside it has its metrics there too. */
  registry: Registry;
}

/** The producer's side of a process: connected to the queues, with the console where only this machine can reach it. */
export async function startProducerService(options: Options): Promise<ProducerService> {
  const { host, port, logger } = options;
  const reloadable = createReloadable(options.loaded);
  const releases = createReleaseStack();
  const redis = connectRedis({
    url: options.redisUrl,
    role: 'worker',
    onError: (error) => logger.debug('Redis cannot be reached', { error }),
  });
  releases.push(() => redis.disconnect());
  // Its failure is told by the event; it tries again by itself.
  const ready = new Promise<void>((resolve) => redis.once('ready', resolve));
  redis.connect().catch(() => undefined);
  const { installation } = options.loaded.config;
  const watch = watchRedis({ redis, installation });
  releases.push(watch.stop);
  const { queues, reloaded } = await startParts({ ...options, ...reloadable, redis, releases });
  let url: string | null = null;
  if (isLoopback(host)) {
    const board = await startConsole({ host, port, queues: queues() });
    reloadable.onReload(() => board.show(queues()));
    releases.push(board.close);
    url = board.url;
  } else {
    logger.warn('the console is off: it has no sign-in, and HOST lets other machines in', { host });
  }
  return {
    ready,
    url,
    reload: reloadable.reload,
    reloaded,
    problems: watch.problems,
    close: releases.closeAll,
  };
}

/** What works without anybody asking; whatever it is made of is closed with `releases`. */
async function startParts(
  options: Pick<Options, 'logger' | 'registry'> & Reloadable & { redis: Redis; releases: ReleaseStack },
): Promise<{ queues: () => Queue[]; reloaded: ProducerMetrics['reloaded'] }> {
  const { current, onReload, redis, logger, registry, releases } = options;
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    releases.push(part.close);
    return part;
  };
  const clock = (): Date => new Date();
  const common = { current, redis, logger, clock, random: Math.random };
  const known = createKnownDatabases({ redis, installation: current().config.installation });
  const client = keep(createClient({ config: () => current().config, redis, clock }));
  const outbox = keep(openOutbox(common));
  const freshness = keep(startFreshness({ ...common, known }));
  const events = keep(startEvents({ ...common, known, freshness, tell: outbox.tell }));
  const scheduler = keep(startScheduler({ ...common, client, onMissed: events.tellMissed }));
  onReload(scheduler.look);
  const queues = (): Queue[] => [...client.queues, scheduler.queue, outbox.queue];
  const { missedSlots } = scheduler.ledger;
  const metrics = createProducerMetrics({ ...common, registry, queues, freshness, missedSlots });
  keep(startNotifying({ ...common, count: metrics.notified }));
  return { queues, reloaded: metrics.reloaded };
}
