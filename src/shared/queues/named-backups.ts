import type { Redis } from 'ioredis';
import type { Config } from '../config/schema.ts';
import { queueName, workerQueues } from './names.ts';
import { openQueue } from './queue.ts';

const unfinished = ['active', 'waiting', 'delayed', 'prioritized', 'waiting-children'] as const;

/**
 * The backups that jobs name which have not ended, with the kind of job (`restore`, `verify`, `copy`, `backup`), in
 * every queue of every pool that the configuration names. Nothing of them may be retired or swept.
 */
export async function namedBackups({
  config,
  redis,
}: {
  config: Pick<Config, 'databases' | 'installation'>;
  redis: Redis;
}): Promise<Map<string, string>> {
  const pools = new Set([...config.databases.values()].map(({ pool }) => pool));
  const names = [...pools].flatMap((pool) => workerQueues.map((queue) => queueName(queue, pool)));
  const found = await Promise.all(names.map((name) => namedIn(name, { config, redis })));
  return new Map(found.flat());
}

async function namedIn(
  name: string,
  { config, redis }: { config: Pick<Config, 'installation'>; redis: Redis },
): Promise<[string, string][]> {
  const queue = openQueue(name, { redis, installation: config.installation });
  try {
    const jobs = await queue.getJobs([...unfinished]);
    return jobs.flatMap((job): [string, string][] => {
      const backupId: unknown = job?.data?.backupId;
      return typeof backupId === 'string' ? [[backupId, job.name]] : [];
    });
  } finally {
    await queue.close();
  }
}
