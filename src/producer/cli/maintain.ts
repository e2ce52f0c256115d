import type { Config } from '../../shared/config/schema.ts';
import { configuredPools, findDatabase } from '../../shared/config/servers.ts';
import { defaultPool } from '../../shared/queues/names.ts';
import type { Client } from '../client/client.ts';
import type { CliContext } from './context.ts';
import { createProgressPrinter } from './output/progress.ts';

/**
 * Has a worker do something with a backup: enqueues the job, follows it to its end, and gives what it returned. The
 * worker is one of the backup's database, unless `pool` says otherwise.
 */
export async function maintain(
  context: CliContext,
  about: { database: string; backupId: string; pool?: string | undefined },
  enqueue: (client: Client, pool: string) => Promise<string>,
): Promise<unknown> {
  const { withClient } = await import('../client/open.ts');
  const { findRedisUrl } = await import('./redis-url.ts');
  const { followJob } = await import('./follow-job.ts');
  const config = await context.config();
  const pool = about.pool ?? poolOf(config, about.database);
  const printer = createProgressPrinter(context);
  return withClient({ config, redisUrl: await findRedisUrl(context) }, async ({ client, redis }) => {
    const jobId = await enqueue(client, pool);
    const queue = client.queue('maintenance', pool);
    const job = { redis, installation: config.installation, queue, jobId, name: about.backupId, printer };
    return followJob(context, job).finally(printer.done);
  });
}

/** A database that left the configuration still has backups; the workers of any pool can see to them. */
function poolOf(config: Config, database: string): string {
  return findDatabase(config, database)?.pool ?? configuredPools(config)[0] ?? defaultPool;
}
