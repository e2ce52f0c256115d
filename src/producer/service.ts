import type { Queue } from 'bullmq';
import { createReleaseStack } from '../shared/lifecycle.ts';
import type { Logger } from '../shared/logger.ts';
import { connectRedis } from '../shared/redis.ts';
import type { Secret } from '../shared/secret.ts';
import type { Service } from '../shared/service.ts';
import { isLoopback, startConsole } from './api/console.ts';
import { createClient } from './client/client.ts';
import { createReloadable, type Loaded } from './current.ts';
import { startEvents } from './events/events.ts';
import { createKnownDatabases } from './freshness/known-databases.ts';
import { startFreshness } from './freshness/start.ts';
import { startNotifying } from './notifiers/notifying.ts';
import { openOutbox } from './notifiers/outbox.ts';
import { startScheduler } from './scheduler/scheduler.ts';

export interface ProducerService extends Service {
  /** Where the console is; null where it may not be served. */
  url: string | null;
  /** What begins from now on has this configuration. */
  reload(loaded: Loaded): void;
}

/** The producer's side of a process: connected to the queues, with the console where only this machine can reach it. */
export async function startProducerService(options: {
  loaded: Loaded;
  redisUrl: Secret;
  host: string;
  port: number;
  logger: Logger;
}): Promise<ProducerService> {
  const { host, port, logger } = options;
  const { current, onReload, reload } = createReloadable(options.loaded);
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
  const clock = (): Date => new Date();
  const client = createClient({ config: () => current().config, redis, clock });
  releases.push(client.close);
  const outbox = openOutbox({ current, redis });
  releases.push(outbox.close);
  const count = (): void => undefined;
  releases.push(startNotifying({ current, redis, logger, clock, random: Math.random, count }).close);
  const known = createKnownDatabases({ redis, installation: current().config.installation });
  const freshness = startFreshness({ current, logger, clock, known });
  releases.push(freshness.close);
  const events = startEvents({ current, redis, freshness, known, tell: outbox.tell, logger, clock });
  releases.push(events.close);
  const scheduler = startScheduler({
    ...{ current, redis, client, logger, clock, random: Math.random },
    onMissed: events.tellMissed,
  });
  releases.push(scheduler.close);
  onReload(scheduler.look);
  let url: string | null = null;
  if (isLoopback(host)) {
    const queues = (): Queue[] => [...client.queues, scheduler.queue, outbox.queue];
    const board = await startConsole({ host, port, queues: queues() });
    onReload(() => board.show(queues()));
    releases.push(board.close);
    url = board.url;
  } else {
    logger.warn('the console is off: it has no sign-in, and HOST lets other machines in', { host });
  }
  return {
    ready,
    url,
    reload,
    problems: () => (redis.status === 'ready' ? [] : [`Redis: ${redis.status}`]),
    close: releases.closeAll,
  };
}
