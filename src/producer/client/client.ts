import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { sourceFingerprint } from '../../shared/fingerprint.ts';
import { compactTime, newAttemptId, newBackupId, type RandomBelow } from '../../shared/ids.ts';
import { type EnqueuedCopy, enqueueCopy } from '../../shared/queues/copy-job.ts';
import { queueName, type WorkerQueue, workerQueues } from '../../shared/queues/names.ts';
import { backupOptions, maintenanceOptions, restoreOptions } from '../../shared/queues/options.ts';
import type { Payload } from '../../shared/queues/payloads.ts';
import { openQueue } from '../../shared/queues/queue.ts';

export interface ClientOptions {
  config: Config;
  redis: Redis;
  clock: () => Date;
  randomBelow?: RandomBelow;
}

/** How a request to back a database up was taken. */
export interface Enqueued {
  /** The run to follow; another's id when this request joined it. */
  jobId: string;
  /** `new`: a run of its own. `successor`: it follows the run that is active now. `joined`: one that waits already serves it. */
  as: 'new' | 'successor' | 'joined';
}

/** The producer's side of the queues. Close it when done. */
export interface Client {
  backup(database: DatabaseConfig): Promise<Enqueued>;
  restore(request: Omit<Payload<'restore'>, 'source'>, target: DatabaseConfig): Promise<string>;
  /** Of several requests with the same `jobId` only the first is taken. */
  verify(request: Payload<'verify'>, pool: string, jobId?: string): Promise<string>;
  prune(request: Payload<'prune'>, pool: string): Promise<string>;
  copy(request: Payload<'copy'>, pool: string): Promise<EnqueuedCopy>;
  /** Every queue of every pool that the configuration names. */
  queues: readonly Queue[];
  queue(name: WorkerQueue, pool: string): Queue;
  findJob(jobId: string): Promise<Job | undefined>;
  close(): Promise<void>;
}

export function createClient(options: ClientOptions): Client {
  const queues = openQueues(options);
  const queue = (name: WorkerQueue, pool: string): Queue => {
    const found = queues.get(queueName(name, pool));
    if (found) return found;
    throw new BackupDataError('CONFIG_INVALID', `no database of the configuration is in pool "${pool}"`);
  };
  return {
    queues: [...queues.values()],
    queue,
    backup: (database) => enqueueBackup(options, queue('backups', database.pool), database),
    restore: (request, target) => enqueueRestore(options, queue('restores', target.pool), request, target),
    verify: (request, pool, jobId) => enqueueVerify(options, queue('maintenance', pool), request, jobId),
    prune: (request, pool) => enqueuePrune(options, queue('maintenance', pool), request),
    copy: (payload, pool) =>
      enqueueCopy(queue('maintenance', pool), { payload, config: options.config.queue }),
    findJob: (jobId) => findJob([...queues.values()], jobId),
    close: async () => {
      await Promise.all([...queues.values()].map((each) => each.close()));
    },
  };
}

function openQueues({ config, redis }: ClientOptions): Map<string, Queue> {
  const pools = new Set([...config.databases.values()].map((database) => database.pool));
  const names = [...pools].flatMap((pool) => workerQueues.map((name) => queueName(name, pool)));
  const { installation } = config;
  return new Map(names.map((name) => [name, openQueue(name, { redis, installation })]));
}

async function enqueueBackup(
  options: ClientOptions,
  queue: Queue,
  database: DatabaseConfig,
): Promise<Enqueued> {
  const { config, clock, randomBelow, redis } = options;
  // What waits behind the active run starts after this moment. BullMQ would put this request in its place, under another id.
  const waiting = await successorOf(redis, queue, database.name);
  if (waiting !== undefined && (await hasRun(queue, database.name))) return { jobId: waiting, as: 'joined' };
  const backupId = newBackupId({ database: database.name, at: clock(), ...(randomBelow && { randomBelow }) });
  const payload: Payload<'backup'> = {
    backupId,
    database: database.name,
    source: sourceFingerprint(database),
    trigger: { kind: 'manual' },
  };
  const job = await queue.add(
    'backup',
    payload,
    backupOptions({ backupId, database: database.name, queue: config.queue }),
  );
  if (job.id === backupId) {
    await readBack(queue, backupId, database.name);
    return { jobId: backupId, as: 'new' };
  }
  const successor = await successorOf(redis, queue, database.name);
  if (successor !== undefined)
    return { jobId: successor, as: successor === backupId ? 'successor' : 'joined' };
  // Between the two calls the active run may have ended, and made the successor a run.
  if (await queue.getJob(backupId)) return { jobId: backupId, as: 'successor' };
  return { jobId: (await queue.getDeduplicationJobId(database.name)) ?? backupId, as: 'joined' };
}

/** Whether the run that a successor waits for is there; a successor that Redis kept alone is replaced by the next `add`. */
async function hasRun(queue: Queue, database: string): Promise<boolean> {
  const current = await queue.getDeduplicationJobId(database);
  return current !== null && (await queue.getJob(current)) !== undefined;
}

/** The id under which the run that waits behind an active one will start; BullMQ keeps it in a hash of its own until then. */
export async function successorOf(redis: Redis, queue: Queue, database: string): Promise<string | undefined> {
  return (await redis.hget(queue.toKey(`dn:${database}`), 'jid')) ?? undefined;
}

/** A duplicate id is ignored by `add` without a word; what is stored says whether it is ours. */
async function readBack(queue: Queue, jobId: string, database: string): Promise<void> {
  const stored = await queue.getJob(jobId);
  if (stored === undefined || stored.data?.database === database) return;
  throw new BackupDataError('INTERNAL', `job ${jobId} is stored for another database; nothing was enqueued`, {
    hint: 'Run the command again.',
  });
}

async function enqueueRestore(
  { clock, randomBelow }: ClientOptions,
  queue: Queue,
  request: Omit<Payload<'restore'>, 'source'>,
  target: DatabaseConfig,
): Promise<string> {
  const jobId = `restore-${target.name}-${compactTime(clock())}-${newAttemptId(randomBelow)}`;
  const payload: Payload<'restore'> = { ...request, source: sourceFingerprint(target) };
  await queue.add('restore', payload, restoreOptions(jobId));
  await readBack(queue, jobId, target.name);
  return jobId;
}

async function enqueueVerify(
  { config, clock, randomBelow }: ClientOptions,
  queue: Queue,
  request: Payload<'verify'>,
  jobId = `verify-${request.backupId}-${compactTime(clock())}-${newAttemptId(randomBelow)}`,
): Promise<string> {
  await queue.add('verify', request, maintenanceOptions({ jobId, queue: config.queue }));
  return jobId;
}

async function enqueuePrune(
  { config, clock, randomBelow }: ClientOptions,
  queue: Queue,
  request: Payload<'prune'>,
): Promise<string> {
  const jobId = `prune-${request.database}-${compactTime(clock())}-${newAttemptId(randomBelow)}`;
  await queue.add('prune', request, maintenanceOptions({ jobId, queue: config.queue }));
  return jobId;
}

async function findJob(queues: readonly Queue[], jobId: string): Promise<Job | undefined> {
  const found = await Promise.all(queues.map((queue) => queue.getJob(jobId)));
  return found.find((job) => job !== undefined);
}
