import type { Redis } from 'ioredis';
import { redisPrefix } from '../../shared/queues/names.ts';

/** How far the event stream of each queue was read, in memory and in Redis, for whoever reads next. */
export interface Positions {
  /** By queue. The newest that this or another producer knows; a stream that nobody read begins at its newest entry. */
  of(queues: readonly string[]): Promise<Map<string, string>>;
  /** From now on this producer is so far. */
  reached(queue: string, id: string): void;
  /** Tells Redis. */
  save(): Promise<void>;
  /** To be called where Redis may be another, or have lost what it had last. */
  check(queues: readonly string[]): Promise<void>;
}

const beginning = '0-0';

export function eventsKey(installation: string, queue: string): string {
  return `${redisPrefix(installation)}:${queue}:events`;
}

export function createPositions({ redis, installation }: { redis: Redis; installation: string }): Positions {
  const hash = `${redisPrefix(installation)}:events-read`;
  const reached = new Map<string, string>();
  const unsaved = new Set<string>();
  const reach = (queue: string, id: string): void => {
    reached.set(queue, id);
    unsaved.add(queue);
  };
  const newest = (queue: string) => newestEntry(redis, eventsKey(installation, queue));
  return {
    of: async (queues) => {
      const stored = queues.length === 0 ? [] : await redis.hmget(hash, ...queues);
      for (const [index, queue] of queues.entries()) {
        const [mine, told] = [reached.get(queue), stored[index]];
        if (told && !(mine && isAfter(mine, told))) reached.set(queue, told);
        else if (!mine) reach(queue, (await newest(queue)) ?? beginning);
        // A Redis that lost everything is told again where we were.
        else if (!told) unsaved.add(queue);
      }
      return new Map(queues.flatMap((queue) => [[queue, reached.get(queue) ?? beginning]]));
    },
    reached: reach,
    save: async () => {
      const told = [...unsaved].flatMap((queue) => [queue, reached.get(queue) ?? beginning]);
      if (told.length > 0) await redis.hset(hash, ...told);
      unsaved.clear();
    },
    check: async (queues) => {
      for (const queue of queues) {
        const [mine, last] = [reached.get(queue), await newest(queue)];
        if (!mine || !last || !isAfter(mine, last)) continue;
        reach(queue, last);
        await redis.hset(hash, queue, last);
      }
    },
  };
}

/** The id of the oldest entry; undefined where there is none. */
export async function oldestEntry(redis: Redis, key: string): Promise<string | undefined> {
  return (await redis.xrange(key, '-', '+', 'COUNT', 1))[0]?.[0];
}

async function newestEntry(redis: Redis, key: string): Promise<string | undefined> {
  return (await redis.xrevrange(key, '+', '-', 'COUNT', 1))[0]?.[0];
}

/** Whether an id of a stream comes after another. */
export function isAfter(id: string, other: string): boolean {
  const [[time = 0, sequence = 0], [otherTime = 0, otherSequence = 0]] = [numbersOf(id), numbersOf(other)];
  return time === otherTime ? sequence > otherSequence : time > otherTime;
}

/** Milliseconds by the clock of Redis. */
export function timeOf(id: string): number {
  return numbersOf(id)[0] ?? 0;
}

function numbersOf(id: string): number[] {
  return id.split('-').map(Number);
}
