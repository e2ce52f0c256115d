import type { Redis } from 'ioredis';
import type { Client } from '../../src/producer/client/client.ts';
import { withClient } from '../../src/producer/client/open.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import type { ServerConfig } from '../../src/shared/config/schema.ts';
import { enqueueDiscover } from '../../src/shared/queues/backup-job.ts';
import type { Enqueued } from '../../src/shared/queues/enqueued.ts';
import { discoverKey } from '../../src/shared/queues/options.ts';
import type { DiscoverResult } from '../../src/shared/queues/payloads.ts';
import { Secret } from '../../src/shared/secret.ts';
import { follow } from './follow.ts';
import type { Installation } from './installation.ts';
import { abortableDelay } from './until.ts';

/** The discover jobs of the server `main`, as a producer sees them. */
export interface Discovering {
  client: Client;
  redis: Redis;
  server: ServerConfig;
  ask(): Promise<Enqueued>;
  /** As a schedule asks: with the slot. */
  askFor(slot: Date, jobId: string): Promise<Enqueued>;
  outcome(jobId: string): Promise<DiscoverResult>;
}

export async function withDiscovering(
  { env, path }: Installation,
  use: (discovering: Discovering) => Promise<void>,
): Promise<void> {
  const config = await loadConfig({ file: undefined, env, cwd: path });
  const server = config.servers.get('main');
  if (!server) throw new Error('the configuration has no server main');
  await withClient({ config, redisUrl: new Secret(env.REDIS_URL ?? '') }, async ({ client, redis }) => {
    const queue = client.queue('backups', server.template.pool);
    const { installation } = config;
    await use({
      client,
      redis,
      server,
      ask: () => client.discover(server),
      askFor: (slot, jobId) => {
        const trigger = { kind: 'schedule' as const, slot: slot.toISOString() };
        return enqueueDiscover({ queue, redis, config: config.queue }, { server, jobId, trigger });
      },
      outcome: async (jobId) =>
        (await follow({
          redis,
          installation,
          queue,
          jobId,
          onlyOne: discoverKey('main'),
          signal: AbortSignal.timeout(60_000),
          wait: abortableDelay,
          onUpdate: () => undefined,
        })) as DiscoverResult,
    });
  });
}
