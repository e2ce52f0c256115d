import type { Redis } from 'ioredis';
import type { ReleaseStack } from '../../src/shared/lifecycle.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { Secret } from '../../src/shared/secret.ts';

/** A connection as a producer has one, closed with `releases`. What fails there is told by what is done with it. */
export function openProducerRedis(url: string, releases: ReleaseStack): Redis {
  const redis = connectRedis({ url: new Secret(url), role: 'worker', onError: () => undefined });
  releases.push(() => redis.disconnect());
  redis.connect().catch(() => undefined);
  return redis;
}
