import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';

/** One queue as Redis has it. */
export interface QueueLook {
  queue: string;
  jobs: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed', number>>;
  /** Milliseconds since the next job could have been taken; 0 where none waits. */
  oldestWaiting: number;
}

/** All of them are sent at once. Throws what Redis answers. */
export function lookAtQueues(queues: readonly Queue[], now: Date): Promise<QueueLook[]> {
  return Promise.all(queues.map((queue) => lookAt(queue, now)));
}

async function lookAt(queue: Queue, now: Date): Promise<QueueLook> {
  const [counts, [next]] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
    queue.getWaiting(0, 0),
  ]);
  const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
  // A job that was put off, or that failed and is tried again, did not wait before.
  const since = next && Math.max(next.timestamp + (next.opts.delay ?? 0), next.processedOn ?? 0);
  return {
    queue: queue.name,
    jobs: { waiting: waiting + prioritized, active, delayed, failed },
    oldestWaiting: since === undefined ? 0 : Math.max(0, now.getTime() - since),
  };
}

/** How many workers are connected, by queue; one list of Redis' clients tells it of all. Undefined where Redis does not give it. */
export async function countWorkers(
  redis: Redis,
  { queues, prefix }: { queues: readonly Queue[]; prefix: string },
): Promise<ReadonlyMap<string, number> | undefined> {
  const list = await redis.client('LIST').catch(() => undefined);
  if (typeof list !== 'string') return undefined;
  const clients = new Map<string, number>();
  for (const [, name = ''] of list.matchAll(/ name=(\S+) /g)) clients.set(name, (clients.get(name) ?? 0) + 1);
  return new Map(queues.map(({ name }) => [name, clients.get(clientName(prefix, name)) ?? 0]));
}

/** What a worker of BullMQ calls the connection on which it waits for jobs. */
function clientName(prefix: string, queue: string): string {
  return `${prefix}:${Buffer.from(queue).toString('base64')}`;
}
