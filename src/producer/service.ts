import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import { createReleaseStack, type ReleaseStack } from '../shared/lifecycle.ts';
import { isLoopback } from '../shared/loopback.ts';
import { connectRedis } from '../shared/redis.ts';
import { watchRedis } from '../shared/redis-watch.ts';
import type { Service } from '../shared/service.ts';
import { createClient } from './client/client.ts';
import { createReloadable, type Loaded, type Reloadable } from './current.ts';
import { startEvents } from './events/events.ts';
import { type Around, type Faces, type FacesOptions, startFaces } from './faces.ts';
import { createKnownDatabases } from './freshness/known-databases.ts';
import { startFreshness } from './freshness/start.ts';
import { createProducerMetrics, type ProducerMetrics } from './metrics/metrics.ts';
import { startNotifying } from './notifiers/notifying.ts';
import { openOutbox } from './notifiers/outbox.ts';
import { startScheduler } from './scheduler/scheduler.ts';

export interface ProducerService extends Service {
  /** Where people and programs reach it; null where it may not be reached. */
  faces: Faces | null;
  /** What begins from now on has this configuration. */
  reload(loaded: Loaded): void;
  /** Is told of each configuration that was loaded anew, and of each that could not be. */
  reloaded: ProducerMetrics['reloaded'];
}

interface Options extends FacesOptions {
  loaded: Loaded;
  /** Of the process; a worker beside it has its metrics there too. */
  registry: Registry;
}

/** The producer's side of a process: connected to the queues, and reached by who may. */
export async function startProducerService(options: Options): Promise<ProducerService> {
  const releases = createReleaseStack();
  try {
    return await start(options, releases);
  } catch (error) {
    await releases.closeAll();
    throw error;
  }
}

async function start(options: Options, releases: ReleaseStack): Promise<ProducerService> {
  const { logger } = options;
  const reloadable = createReloadable(options.loaded);
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
  const { reloaded } = await startParts({ ...options, ...reloadable, redis, releases });
  const faces = await facesOf({ ...options, ...reloadable, releases, problems: watch.problems });
  return {
    ready,
    faces,
    reload: reloadable.reload,
    reloaded,
    problems: watch.problems,
    close: releases.closeAll,
  };
}

/** Other machines are let in only where the configuration says whom. */
async function facesOf(options: FacesOptions & Around): Promise<Faces | null> {
  const { host, logger, current, firstToken } = options;
  if (current().config.auth.tokens.length > 0) return startFaces(options);
  const hint = 'the configuration has no token; `backupdata token create` makes one';
  if (!isLoopback(host)) {
    logger.warn(`the API is off: HOST lets other machines in, and ${hint}`, { host });
    return null;
  }
  if (!firstToken) logger.warn(`nobody can sign in: ${hint}`);
  return startFaces(options);
}

/** What works without anybody asking; whatever it is made of is closed with `releases`. */
async function startParts(
  options: Pick<Options, 'logger' | 'registry'> & Reloadable & { redis: Redis; releases: ReleaseStack },
): Promise<{ reloaded: ProducerMetrics['reloaded'] }> {
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
  return { reloaded: metrics.reloaded };
}
