import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DatabaseConfig, QueueConfig, ServerConfig } from '../config/schema.ts';
import { BackupDataError } from '../errors.ts';
import { serverFingerprint, sourceFingerprint } from '../fingerprint.ts';
import type { Enqueued } from './enqueued.ts';
import { backupOptions, discoverKey, discoverOptions } from './options.ts';
import type { Payload } from './payloads.ts';

/** The `backups` queue of the pool that a request is for. */
export interface BackupQueue {
  queue: Queue;
  redis: Redis;
  config: QueueConfig;
}

/** Enqueues a run of a database. One that is asked for while another is active becomes its successor: its snapshot is newer. */
export function enqueueBackup(
  to: BackupQueue,
  request: { database: DatabaseConfig; backupId: string; trigger: Payload<'backup'>['trigger'] },
): Promise<Enqueued> {
  const { database, backupId, trigger } = request;
  const payload: Payload<'backup'> = {
    backupId,
    database: database.name,
    source: sourceFingerprint(database),
    trigger,
  };
  const options = backupOptions({ backupId, database: database.name, queue: to.config });
  return enqueueOnce(to, { name: 'backup', jobId: backupId, onlyOne: database.name, payload, options });
}

/** Enqueues the look which databases a server has. One that is asked for while another is active follows it, as a run does. */
export function enqueueDiscover(
  to: BackupQueue,
  request: { server: ServerConfig; jobId: string; trigger: Payload<'discover'>['trigger'] },
): Promise<Enqueued> {
  const { server, jobId, trigger } = request;
  const { name } = server.template;
  const payload: Payload<'discover'> = { server: name, source: serverFingerprint(server), trigger };
  const options = discoverOptions({ jobId, server: name, queue: to.config });
  return enqueueOnce(to, { name: 'discover', jobId, onlyOne: discoverKey(name), payload, options });
}

async function enqueueOnce(
  { queue, redis }: BackupQueue,
  job: {
    name: string;
    jobId: string;
    /** What only one job at a time may have. */
    onlyOne: string;
    payload: object;
    options: ReturnType<typeof backupOptions>;
  },
): Promise<Enqueued> {
  const { name, jobId, onlyOne, payload, options } = job;
  // What waits behind the active run starts after this moment. BullMQ would put this request in its place, under another id.
  const waiting = await successorOf(redis, queue, onlyOne);
  if (waiting !== undefined && (await hasRun(queue, onlyOne)))
    return { jobId: waiting, as: waiting === jobId ? 'successor' : 'joined' };
  const added = await queue.add(name, payload, options);
  if (added.id === jobId) {
    await readBack(queue, jobId, onlyOne);
    return { jobId, as: 'new' };
  }
  const successor = await successorOf(redis, queue, onlyOne);
  if (successor !== undefined) return { jobId: successor, as: successor === jobId ? 'successor' : 'joined' };
  // Between the two calls the active run may have ended, and made the successor a run.
  if (await queue.getJob(jobId)) return { jobId, as: 'successor' };
  return { jobId: (await queue.getDeduplicationJobId(onlyOne)) ?? jobId, as: 'joined' };
}

/** Whether the run that a successor waits for is there; a successor that Redis kept alone is replaced by the next `add`. */
async function hasRun(queue: Queue, onlyOne: string): Promise<boolean> {
  const current = await queue.getDeduplicationJobId(onlyOne);
  return current !== null && (await queue.getJob(current)) !== undefined;
}

/** The id under which the run that waits behind an active one will start; BullMQ keeps it in a hash of its own until then. */
export async function successorOf(redis: Redis, queue: Queue, onlyOne: string): Promise<string | undefined> {
  return (await redis.hget(queue.toKey(`dn:${onlyOne}`), 'jid')) ?? undefined;
}

/** A duplicate id is ignored by `add` without a word; what is stored says whether it is ours. */
async function readBack(queue: Queue, jobId: string, onlyOne: string): Promise<void> {
  const stored = await queue.getJob(jobId);
  if (stored === undefined || stored.deduplicationId === onlyOne) return;
  throw new BackupDataError('INTERNAL', `job ${jobId} is stored for another database; nothing was enqueued`, {
    hint: 'Run the command again.',
  });
}
