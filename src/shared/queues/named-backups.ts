import type { Redis } from 'ioredis';
import type { Config } from '../config/schema.ts';
import { configuredPools } from '../config/servers.ts';
import { queueName, workerQueues } from './names.ts';
import { openQueue } from './queue.ts';

const unfinished = ['active', 'waiting', 'delayed', 'prioritized', 'waiting-children'] as const;

/**
 * The backups that jobs name which have not ended, with the kinds of jobs (`restore`, `verify`, `copy`, `backup`), in
 * every queue of every pool that the configuration names. Nothing of them may be retired or swept.
 */
export async function namedBackups({
  config,
  redis,
}: {
  config: Pick<Config, 'databases' | 'servers' | 'installation'>;
  redis: Redis;
}): Promise<Map<string, Set<string>>> {
  const names = configuredPools(config).flatMap((pool) =>
    workerQueues.map((queue) => queueName(queue, pool)),
  );
  const found = await Promise.all(names.map((name) => namedIn(name, { config, redis })));
  const byBackup = Map.groupBy(found.flat(), ({ backupId }) => backupId);
  return new Map([...byBackup].map(([backupId, jobs]) => [backupId, new Set(jobs.map(({ name }) => name))]));
}

async function namedIn(
  queueOfPool: string,
  { config, redis }: { config: Pick<Config, 'installation'>; redis: Redis },
): Promise<{ backupId: string; name: string }[]> {
  const queue = openQueue(queueOfPool, { redis, installation: config.installation });
  try {
    const jobs = await queue.getJobs([...unfinished]);
    return jobs.flatMap((job) => {
      const backupId: unknown = job.data?.backupId;
      return typeof backupId === 'string' ? [{ backupId, name: job.name }] : [];
    });
  } finally {
    await queue.close();
  }
}
