import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { databaseOf, isBackupId } from '../../shared/ids.ts';
import { successorOf } from '../../shared/queues/backup-job.ts';
import { discoverKey } from '../../shared/queues/options.ts';
import { markCancelled } from './cancel.ts';
import type { Client } from './client.ts';

/** A run that waits behind the active one of its database. It has an id, but BullMQ makes its job only when it starts. */
export interface Successor {
  jobId: string;
  job: 'backup' | 'discover';
  /** Or the server. */
  database: string;
  /** What only one job at a time may have. */
  onlyOne: string;
  queue: Queue;
}

const removeIfStillNext = `
  if redis.call('HGET', KEYS[1], 'jid') ~= ARGV[1] then return 0 end
  return redis.call('DEL', KEYS[1])`;

/** The successor with that id; undefined when there is none. */
export async function findSuccessor(options: {
  client: Client;
  redis: Redis;
  config: Config;
  jobId: string;
}): Promise<Successor | undefined> {
  const { client, redis, config, jobId } = options;
  for (const { name, job, pool, onlyOne } of candidates(config, jobId)) {
    const queue = client.queue('backups', pool);
    if ((await successorOf(redis, queue, onlyOne)) === jobId)
      return { jobId, job, database: name, onlyOne, queue };
  }
  return undefined;
}

/**
 * What it takes to watch a job of that id: of a run that is over before it became a job too, as long as the configuration has its
 * database. JOB_NOT_FOUND where nothing is known of it.
 */
export async function subjectOf(options: {
  client: Client;
  redis: Redis;
  config: Config;
  jobId: string;
}): Promise<{ queue: Queue; onlyOne: string | undefined; name: string }> {
  const { client, config, jobId } = options;
  const job = await client.findJob(jobId);
  const queue = job && client.queues.find(({ name }) => name === job.queueName);
  if (queue) return { queue, onlyOne: job.deduplicationId, name: job.name };
  const successor = await findSuccessor(options);
  if (successor) return { queue: successor.queue, onlyOne: successor.onlyOne, name: successor.job };
  const [candidate] = candidates(config, jobId);
  if (!candidate)
    throw new BackupDataError('JOB_NOT_FOUND', `there is no job "${jobId}" in the queues`, {
      hint: 'See `backupdata jobs list`. Jobs that have ended are kept for some days.',
    });
  const { job: name, pool, onlyOne } = candidate;
  return { queue: client.queue('backups', pool), onlyOne, name };
}

/** Whose successor a job of that id may be: a database's, or a server's, whose id holds its name as well. */
function candidates(
  config: Config,
  jobId: string,
): { name: string; job: Successor['job']; pool: string; onlyOne: string }[] {
  if (!isBackupId(jobId)) return [];
  const name = databaseOf(jobId);
  const database = findDatabase(config, name);
  const server = config.servers.get(name.replace(/^discover-/, ''))?.template;
  return [
    ...(database ? [{ name, job: 'backup' as const, pool: database.pool, onlyOne: name }] : []),
    ...(server
      ? [
          {
            name: server.name,
            job: 'discover' as const,
            pool: server.pool,
            onlyOne: discoverKey(server.name),
          },
        ]
      : []),
  ];
}

/** Takes it out of the queue; `told` when it became a job meanwhile, which its worker then ends. */
export async function cancelSuccessor(options: {
  redis: Redis;
  installation: string;
  successor: Successor;
  by: string;
}): Promise<'removed' | 'told'> {
  const { redis, installation, successor, by } = options;
  const { jobId, queue, onlyOne } = successor;
  // The mark first: whoever follows the run learns from it why there will be none.
  await markCancelled({ redis, installation, jobId, by });
  const removed = await redis.eval(removeIfStillNext, 1, queue.toKey(`dn:${onlyOne}`), jobId);
  return removed === 1 ? 'removed' : 'told';
}
