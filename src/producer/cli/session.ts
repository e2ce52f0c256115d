import type { Redis } from 'ioredis';
import type { Config } from '../../shared/config/schema.ts';
import type { Client } from '../client/client.ts';
import type { CliContext } from './context.ts';

/** What a verb works with that looks into the queues. */
export interface QueueSession {
  client: Client;
  redis: Redis;
  config: Config;
}

/** Connects to the Redis of the queues for as long as `use` takes. REDIS_UNAVAILABLE within seconds when it is away. */
export async function withQueues<T>(
  context: CliContext,
  use: (session: QueueSession) => Promise<T>,
): Promise<T> {
  const { withClient } = await import('../client/open.ts');
  const { findRedisUrl } = await import('./redis-url.ts');
  const config = await context.config();
  return withClient({ config, redisUrl: await findRedisUrl(context) }, (session) =>
    use({ ...session, config }),
  );
}
