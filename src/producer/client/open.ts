import { randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Config } from '../../shared/config/schema.ts';
import { connectRedis, explainLoss, requireRedis } from '../../shared/redis.ts';
import type { Secret } from '../../shared/secret.ts';
import { type Client, createClient } from './client.ts';

/**
 * Connects, lets `use` work, and closes whatever happens. REDIS_UNAVAILABLE within seconds when Redis is away. What is not
 * done within `patience` milliseconds, where it is given, fails too.
 */
export async function withClient<T>(
  options: { config: Config; redisUrl: Secret; patience?: number },
  use: (session: { client: Client; redis: Redis }) => Promise<T>,
): Promise<T> {
  // Every command's failure tells more than the connection's own event.
  const redis = connectRedis({ url: options.redisUrl, role: 'client', onError: () => undefined });
  const giveUp = options.patience && setTimeout(() => redis.disconnect(), options.patience);
  try {
    await requireRedis(redis);
    const client = createClient({
      config: () => options.config,
      redis,
      clock: () => new Date(),
      randomBelow: randomInt,
    });
    try {
      return await use({ client, redis });
    } catch (error) {
      throw explainLoss(redis, error);
    } finally {
      await client.close();
    }
  } finally {
    clearTimeout(giveUp);
    redis.disconnect();
  }
}
