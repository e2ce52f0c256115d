import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config, DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import { configuredPools } from '../../shared/config/servers.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { sourceFingerprint } from '../../shared/fingerprint.ts';
import { compactTime, newAttemptId, newBackupId, type RandomBelow } from '../../shared/ids.ts';
import { enqueueBackup, enqueueDiscover } from '../../shared/queues/backup-job.ts';
import { type EnqueuedCopy, enqueueCopy } from '../../shared/queues/copy-job.ts';
import type { Enqueued } from '../../shared/queues/enqueued.ts';
import { queueName, type WorkerQueue, workerQueues } from '../../shared/queues/names.ts';
import { maintenanceOptions, restoreOptions } from '../../shared/queues/options.ts';
import type { Payload } from '../../shared/queues/payloads.ts';
import { openQueue } from '../../shared/queues/queue.ts';

export interface ClientOptions {
  /** As it is now. */
  config: () => Config;
  redis: Redis;
  clock: () => Date;
  randomBelow?: RandomBelow;
}

/** The producer's side of the queues. Close it when done. */
export interface Client {
  /** Of a slot where one is given: then it has the same id whoever asks for it. */
  backup(database: DatabaseConfig, slot?: Date): Promise<Enqueued>;
  /** Has a worker look which databases the server has, and enqueue a run of each. */
  discover(server: ServerConfig, slot?: Date): Promise<Enqueued>;
  restore(request: Omit<Payload<'restore'>, 'source'>, target: DatabaseConfig): Promise<string>;
  /** Of several requests with the same `jobId` only the first is taken. */
  verify(request: Payload<'verify'>, pool: string, jobId?: string): Promise<string>;
  prune(request: Payload<'prune'>, pool: string): Promise<string>;
  copy(request: Payload<'copy'>, pool: string): Promise<EnqueuedCopy>;
  /** Every queue of every pool that the configuration names, or has named. */
  readonly queues: readonly Queue[];
  queue(name: WorkerQueue, pool: string): Queue;
  findJob(jobId: string): Promise<Job | undefined>;
  close(): Promise<void>;
}

export function createClient(options: ClientOptions): Client {
  const { opened, openNamed } = openQueues(options);
  const queue = (name: WorkerQueue, pool: string): Queue => {
    const id = queueName(name, pool);
    const found = opened.get(id) ?? openNamed().get(id);
    if (found) return found;
    throw new BackupDataError('CONFIG_INVALID', `no database of the configuration is in pool "${pool}"`);
  };
  return {
    get queues() {
      return [...openNamed().values()];
    },
    queue,
    backup: (database, slot) => requestBackup(options, queue('backups', database.pool), database, slot),
    discover: (server, slot) =>
      requestDiscover(options, queue('backups', server.template.pool), server, slot),
    restore: (request, target) => enqueueRestore(options, queue('restores', target.pool), request, target),
    verify: (request, pool, jobId) => enqueueVerify(options, queue('maintenance', pool), request, jobId),
    prune: (request, pool) => enqueuePrune(options, queue('maintenance', pool), request),
    copy: (payload, pool) =>
      enqueueCopy(queue('maintenance', pool), { payload, config: options.config().queue }),
    findJob: (jobId) => findJob([...openNamed().values()], jobId),
    close: async () => {
      await Promise.all([...opened.values()].map((each) => each.close()));
    },
  };
}

/** `openNamed` opens those of pools that the configuration names by now, and gives all. */
function openQueues({ config, redis }: ClientOptions): {
  opened: ReadonlyMap<string, Queue>;
  openNamed: () => ReadonlyMap<string, Queue>;
} {
  const { installation } = config();
  const opened = new Map<string, Queue>();
  const openNamed = (): ReadonlyMap<string, Queue> => {
    for (const pool of configuredPools(config()))
      for (const name of workerQueues.map((kind) => queueName(kind, pool)))
        if (!opened.has(name)) opened.set(name, openQueue(name, { redis, installation }));
    return opened;
  };
  openNamed();
  return { opened, openNamed };
}

function requestBackup(
  options: ClientOptions,
  queue: Queue,
  database: DatabaseConfig,
  slot: Date | undefined,
): Promise<Enqueued> {
  const { config, redis } = options;
  const backupId = idFor(options, database.name, slot);
  const request = { database, backupId, trigger: triggerOf(slot) };
  return enqueueBackup({ queue, redis, config: config().queue }, request);
}

function requestDiscover(
  options: ClientOptions,
  queue: Queue,
  server: ServerConfig,
  slot: Date | undefined,
): Promise<Enqueued> {
  const { config, redis } = options;
  const jobId = idFor(options, `discover-${server.template.name}`, slot);
  const request = { server, jobId, trigger: triggerOf(slot) };
  return enqueueDiscover({ queue, redis, config: config().queue }, request);
}

function idFor({ clock, randomBelow }: ClientOptions, database: string, slot: Date | undefined): string {
  return newBackupId({ database, at: clock(), ...(slot && { slot }), ...(randomBelow && { randomBelow }) });
}

function triggerOf(slot: Date | undefined): Payload<'backup'>['trigger'] {
  return slot ? { kind: 'schedule', slot: slot.toISOString() } : { kind: 'manual' };
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
  await queue.add('verify', request, maintenanceOptions({ jobId, queue: config().queue }));
  return jobId;
}

async function enqueuePrune(
  { config, clock, randomBelow }: ClientOptions,
  queue: Queue,
  request: Payload<'prune'>,
): Promise<string> {
  const jobId = `prune-${request.database}-${compactTime(clock())}-${newAttemptId(randomBelow)}`;
  await queue.add('prune', request, maintenanceOptions({ jobId, queue: config().queue }));
  return jobId;
}

async function findJob(queues: readonly Queue[], jobId: string): Promise<Job | undefined> {
  const found = await Promise.all(queues.map((queue) => queue.getJob(jobId)));
  return found.find((job) => job !== undefined);
}
