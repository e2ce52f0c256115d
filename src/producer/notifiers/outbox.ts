import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { notificationsQueue } from '../../shared/queues/names.ts';
import { notifyOptions } from '../../shared/queues/options.ts';
import type { Payload } from '../../shared/queues/payloads.ts';
import { openQueue } from '../../shared/queues/queue.ts';
import type { RunEvent } from '../../shared/queues/run-event.ts';
import type { Loaded } from '../current.ts';
import { hears } from './notifiers.ts';

export interface Outbox {
  queue: Queue;
  /** Enqueues one job for each notifier that is to hear of it. The same event told again, by whatever producer, is told once. */
  tell(event: RunEvent): Promise<void>;
  close(): Promise<void>;
}

/** Where events go that somebody is to hear of. */
export function openOutbox({
  current,
  redis,
}: {
  current: () => Pick<Loaded, 'config'>;
  redis: Redis;
}): Outbox {
  const { installation } = current().config;
  const queue = openQueue(notificationsQueue, { redis, installation });
  return {
    queue,
    tell: async (event) => {
      const jobs = listeners(current().config, event).map((notifier) => jobOf(notifier, event));
      if (jobs.length > 0) await queue.addBulk(jobs);
    },
    close: () => queue.close(),
  };
}

/** The names of those notifiers; of a server what its entry says. */
function listeners(config: Config, event: RunEvent): string[] {
  const { database } = event;
  const { notify } = findDatabase(config, database) ??
    config.servers.get(database)?.template ?? { notify: [] };
  return [...new Set(notify)].filter((name) => {
    const notifier = config.notifiers.get(name);
    return notifier !== undefined && hears(notifier, event);
  });
}

function jobOf(notifier: string, event: RunEvent) {
  const data: Payload<'notify'> = { notifier, event };
  return { name: 'notify', data, opts: notifyOptions(`notify-${notifier}-${event.id}`) };
}
