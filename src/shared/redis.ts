import { Redis, type RedisOptions } from 'ioredis';
import { BackupDataError } from './errors.ts';
import type { Secret } from './secret.ts';

/** Milliseconds that a command may take: a Redis that hangs keeps its connections, and answers nothing. */
const patience = { client: 10_000, api: 3_000 } as const;

type Role = 'client' | 'api' | 'worker' | 'cache';

/**
 * A connection to Redis. A `client` fails within seconds when Redis is away, so that a command can say so, and sooner for an
 * `api`, whose callers do not wait; a
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
    throw new BackupDataError(
      'REDIS_UNAVAILABLE',
      `Redis at ${addressOf(redis)} does not answer: ${messageOf(error)}`,
      {
        hint: 'Start it, or set REDIS_URL to where it is; `backupdata up` brings its own. With --here, list, show, verify and restore need no Redis.',
        cause: error,
      },
    );
  }
}

/** What ioredis says of a command whose connection was lost, or that was not answered in time. */
const lost = /max retries per request|^Connection is closed|^Stream isn't writeable|^Command timed out/;

/** A command's failure as REDIS_UNAVAILABLE where Redis went away meanwhile, and as it is where it did not. */
export function explainLoss(redis: Redis, thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof BackupDataError || !lost.test(thrown.message))
    return thrown;
  return new BackupDataError('REDIS_UNAVAILABLE', `Redis at ${addressOf(redis)} went away in the middle`, {
    hint: 'What was asked for may have been done: `backupdata jobs list` shows it once Redis is back.',
    cause: thrown,
  });
}

/** What `ask` answers; REDIS_UNAVAILABLE where Redis went away. */
export async function inRedis<T>(redis: Redis, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw explainLoss(redis, error);
  }
}

function addressOf({ options: { host, port, path } }: Redis): string {
  return path ?? `${host}:${port}`;
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
    commandTimeout: patience[role],
    retryStrategy,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
