import { randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Config } from '../../shared/config/schema.ts';
import { connectRedis, explainLoss, requireRedis } from '../../shared/redis.ts';
import type { Secret } from '../../shared/secret.ts';
import { type Client, createClient } from './client.ts';

/** What works with the queues. */
export interface QueueSession {
  client: Client;
  redis: Redis;
}

/** The queues, for who may find Redis away. */
export interface QueueAccess {
  /** Its commands fail at once while Redis is away. */
  redis: Redis;
  /** REDIS_UNAVAILABLE where Redis is away: within seconds the first time, and at once from then on, until it is back. */
  session(): Promise<QueueSession>;
  /** A failure of what was done with a session: REDIS_UNAVAILABLE where Redis went away meanwhile. */
  explain(thrown: unknown): unknown;
  close(): Promise<void>;
}

/** Connects when it is first asked for a session. */
export function openQueueAccess(options: {
  config: () => Config;
  redisUrl: Secret;
  role?: 'client' | 'api';
}): QueueAccess {
  const { redisUrl: url, role = 'client' } = options;
  // Every command's failure tells more than the connection's own event.
  const redis = connectRedis({ url, role, onError: () => undefined });
  let client: Client | undefined;
  let connecting: Promise<void> | undefined;
  return {
    redis,
    session: async () => {
      connecting ??= requireRedis(redis).finally(() => {
        connecting = undefined;
      });
      await connecting;
      client ??= createClient({
        config: options.config,
        redis,
        clock: () => new Date(),
        randomBelow: randomInt,
      });
      return { client, redis };
    },
    explain: (thrown) => explainLoss(redis, thrown),
    close: async () => {
      await client?.close();
      redis.disconnect();
    },
  };
}

/** Connects, lets `use` work, and closes whatever happens. */
export async function withClient<T>(
  options: { config: Config; redisUrl: Secret },
  use: (session: QueueSession) => Promise<T>,
): Promise<T> {
  const access = openQueueAccess({ config: () => options.config, redisUrl: options.redisUrl });
  try {
    return await use(await access.session());
  } catch (error) {
    throw access.explain(error);
  } finally {
    await access.close();
  }
}
