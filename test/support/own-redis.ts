import { type Installation, withInstallation } from './installation.ts';
import { type RedisOptions, startRedis, type TestRedis } from './redis.ts';

/** An installation whose Redis may be broken: nobody else uses it. */
export async function withOwnRedis(
  use: (installation: Installation, redis: TestRedis) => Promise<void>,
  options: RedisOptions = {},
): Promise<void> {
  const redis = await startRedis(options);
  try {
    await withInstallation((installation) => use(installation, redis), { redisUrl: redis.url });
  } finally {
    await redis.stop();
  }
}
