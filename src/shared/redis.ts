import { Redis, type RedisOptions } from 'ioredis';
import { BackupDataError } from './errors.ts';
import type { Secret } from './secret.ts';

/** Milliseconds that a command of a `client` may take: a Redis that hangs keeps its connections, and answers nothing. */
const patience = 10_000;

type Role = 'client' | 'worker' | 'cache';

/**
 * A connection to Redis. A `client` fails within seconds when Redis is away, so that a command can say so; a
 * `worker` waits for Redis as long as it takes, because its jobs outlive an outage; a `cache` tries nothing twice.
 */
export function connectRedis(options: { url: Secret; role: Role; onError: (error: Error) => void }): Redis {
  const redis = new Redis(options.url.reveal(), roleOptions(options.role));
  redis.on('error', options.onError);
  return redis;
}

/** Connects, or throws REDIS_UNAVAILABLE with the address (never the password). */
export async function requireRedis(redis: Redis): Promise<void> {
  try {
    if (redis.status === 'wait') await redis.connect();
    await redis.ping();
  } catch (error) {
    const { host, port, path } = redis.options;
    throw new BackupDataError(
      'REDIS_UNAVAILABLE',
      `Redis at ${path ?? `${host}:${port}`} does not answer: ${messageOf(error)}`,
      {
        hint: 'Start it, or set REDIS_URL to where it is; `backupdata up` brings its own. With --here, list, show, verify and restore need no Redis.',
        cause: error,
      },
    );
  }
}

function roleOptions(role: Role): RedisOptions {
  // Where lost time is a lost lock, not long after Redis is back.
  const retryStrategy = (times: number): number => Math.min(times * 100, 1_000);
  if (role === 'worker') return { maxRetriesPerRequest: null, lazyConnect: true, retryStrategy };
  if (role === 'cache')
    return {
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      lazyConnect: true,
      retryStrategy: () => null,
    };
  return {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: patience,
    retryStrategy,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
