import type { Redis } from 'ioredis';
import { redisPrefix } from './queues/names.ts';

/** Milliseconds between writes. */
const interval = 2_000;
/** Milliseconds that an answer may take. */
const patience = 5_000;

/** Tells what keeps a process from its queues while its connection looks sound: a Redis that is full, read-only or silent. */
export interface RedisWatch {
  /** Empty while Redis takes what is written. */
  problems(): readonly string[];
  stop(): void;
}

/** Writes one small key every now and then: that is the only way to know whether Redis would take a job. */
export function watchRedis(options: { redis: Redis; installation: string }): RedisWatch {
  const { redis, installation } = options;
  const key = `${redisPrefix(installation)}:watch`;
  let refusal: string | undefined;
  let askedAt: number | undefined;
  const ask = async (): Promise<void> => {
    if (redis.status !== 'ready' || askedAt !== undefined) return;
    askedAt = performance.now();
    refusal = await redis.set(key, '1', 'PX', patience).then(
      () => undefined,
      (error: Error) => error.message,
    );
    askedAt = undefined;
  };
  void ask();
  const timer = setInterval(() => void ask(), interval);
  return {
    problems: () => {
      if (redis.status !== 'ready') return [`Redis: ${redis.status}`];
      if (askedAt !== undefined && performance.now() - askedAt > patience) return ['Redis does not answer'];
      return refusal === undefined ? [] : [`Redis refuses writes: ${refusal}`];
    },
    stop: () => clearInterval(timer),
  };
}
