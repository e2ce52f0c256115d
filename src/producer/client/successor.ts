import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../../shared/config/schema.ts';
import { databaseOf, isBackupId, timeOfBackup } from '../../shared/ids.ts';
import { cancelKey } from '../../shared/queues/names.ts';
import { type Client, successorOf } from './client.ts';
import type { JobSummary } from './jobs.ts';

/** A run that waits behind the active one of its database. It has an id, but BullMQ makes its job only when it starts. */
export interface Successor {
  jobId: string;
  database: string;
  queue: Queue;
}

const week = 7 * 86_400;

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
  const database = isBackupId(jobId) ? config.databases.get(databaseOf(jobId)) : undefined;
  if (!database) return undefined;
  const queue = client.queue('backups', database.pool);
  const next = await successorOf(redis, queue, database.name);
  return next === jobId ? { jobId, database: database.name, queue } : undefined;
}

/** Takes it out of the queue; `told` when it became a job meanwhile, which its worker then ends. */
export async function cancelSuccessor(options: {
  redis: Redis;
  installation: string;
  successor: Successor;
  by: string;
}): Promise<'removed' | 'told'> {
  const { redis, installation, successor, by } = options;
  const { jobId, queue, database } = successor;
  // The mark first: whoever follows the run learns from it why there will be none.
  await redis.set(cancelKey(installation, jobId), by, 'EX', week);
  const removed = await redis.eval(removeIfStillNext, 1, queue.toKey(`dn:${database}`), jobId);
  return removed === 1 ? 'removed' : 'told';
}

export function summariseSuccessor({ jobId, database, queue }: Successor): JobSummary {
  return {
    id: jobId,
    queue: queue.name,
    name: 'backup',
    state: 'behind',
    database,
    backupId: jobId,
    attempts: 0,
    createdAt: timeOfBackup(jobId).toISOString(),
    startedAt: null,
    finishedAt: null,
    progress: null,
    error: null,
    result: null,
  };
}
