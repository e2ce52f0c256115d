import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { redisPrefix } from './names.ts';

/** A queue to add jobs to and to look into. Its failures are told by its calls, and by the connection's own events. */
export function openQueue(
  name: string,
  { redis, installation }: { redis: Redis; installation: string },
): Queue {
  const queue = new Queue(name, {
    connection: redis,
    prefix: redisPrefix(installation),
    skipVersionCheck: true,
  });
  // Where nobody listens, BullMQ prints each failed reconnection with its stack.
  queue.on('error', () => undefined);
  return queue;
}
