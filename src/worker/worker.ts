import { type Job, Queue, Worker, type WorkerOptions } from 'bullmq';
import type { QueueConfig } from '../shared/config/schema.ts';
import { BackupDataError } from '../shared/errors.ts';
import { createReleaseStack } from '../shared/lifecycle.ts';
import { queueName, redisPrefix, type WorkerQueue } from '../shared/queues/names.ts';
import { maintenanceOptions, maxStartedAttempts, retryDelay } from '../shared/queues/options.ts';
import type { WorkerContext } from './context.ts';
import { runJob, type Start, stopReasons } from './job.ts';
import { processBackup } from './processors/backup.ts';
import { processPrune } from './processors/prune.ts';
import { processRestore } from './processors/restore.ts';
import { processVerify } from './processors/verify.ts';
import { createThrottle } from './throttle.ts';

export interface WorkerProcessOptions {
  context: Omit<WorkerContext, 'enqueueMaintenance'>;
  pools: readonly string[];
  /** Backups at once. */
  concurrency: number;
}

export interface WorkerProcess {
  /** Whether every queue is being read. */
  isRunning(): boolean;
  /** Takes no new job, lets runs finish within the drain time, hands the rest back to the queue, leaves no child process. */
  close(): Promise<void>;
}

const processors = {
  backup: processBackup,
  restore: processRestore,
  verify: processVerify,
  prune: processPrune,
} as const;

/** Starts taking jobs of the given pools. */
export async function startWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const releases = createReleaseStack();
  const { context, close } = withMaintenance(options.context);
  releases.push(close);
  const workers = options.pools.flatMap((pool) => [
    openWorker({
      context,
      queue: 'backups',
      pool,
      concurrency: options.concurrency,
      maxStalledCount: context.config.queue.maxStalledCount,
    }),
    openWorker({ context, queue: 'restores', pool, concurrency: 1, maxStalledCount: 0 }),
    openWorker({
      context,
      queue: 'maintenance',
      pool,
      concurrency: 1,
      maxStalledCount: context.config.queue.maxStalledCount,
    }),
  ]);
  releases.push(() => drain(workers, context));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    isRunning: () => workers.every((worker) => worker.isRunning() && !worker.closing),
    close: releases.closeAll,
  };
}

function withMaintenance(base: WorkerProcessOptions['context']): {
  context: WorkerContext;
  close: () => Promise<void>;
} {
  const queues = new Map<string, Queue>();
  const open = (pool: string): Queue => {
    const name = queueName('maintenance', pool);
    const queue =
      queues.get(name) ??
      new Queue(name, { connection: base.redis, prefix: redisPrefix(base.config.installation) });
    queues.set(name, queue);
    return queue;
  };
  const enqueueMaintenance: WorkerContext['enqueueMaintenance'] = async ({ name, jobId, pool, payload }) => {
    await open(pool).add(name, payload, maintenanceOptions({ jobId, queue: base.config.queue }));
  };
  const close = async (): Promise<void> => {
    await Promise.all([...queues.values()].map((queue) => queue.close()));
  };
  return { context: { ...base, enqueueMaintenance }, close };
}

function openWorker(options: {
  context: WorkerContext;
  queue: WorkerQueue;
  pool: string;
  concurrency: number;
  maxStalledCount: number;
}): Worker {
  const { context, queue, pool, concurrency, maxStalledCount } = options;
  // BullMQ gives the signal only to a function that declares three parameters.
  const processor = (
    job: Job,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> =>
    runJob({ context, job, token, signal }, async (start) => processorOf(job)(context, start));
  const worker = new Worker(queueName(queue, pool), processor, {
    ...timing(context.config.queue, context.random),
    connection: context.redis,
    prefix: redisPrefix(context.config.installation),
    concurrency,
    maxStalledCount,
  });
  listen(worker, context);
  return worker;
}

function timing(queue: QueueConfig, random: () => number): Omit<WorkerOptions, 'connection'> {
  return {
    lockDuration: queue.lockDuration,
    stalledInterval: queue.stalledInterval,
    maxStartedAttempts,
    settings: { backoffStrategy: (attemptsMade) => retryDelay(attemptsMade, queue, random) },
  };
}

function processorOf(job: Job): (context: WorkerContext, start: Start) => Promise<unknown> {
  if (Object.hasOwn(processors, job.name)) return processors[job.name as keyof typeof processors];
  throw new BackupDataError('PAYLOAD_INVALID', `this worker knows no job called "${job.name}"`, {
    hint: 'Producer and workers may be of different releases; upgrade the older one.',
  });
}

function listen(worker: Worker, context: WorkerContext): void {
  const { logger } = context;
  const throttle = createThrottle({ clock: context.clock, interval: 5_000 });
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) worker.cancelJob(jobId, stopReasons.lockLost);
  });
  // BullMQ repeats an error thousands of times a second while Redis refuses writes.
  worker.on('error', (error) =>
    throttle(error.message, (repeated) =>
      logger.warn('queue error', { queue: worker.name, error, repeated }),
    ),
  );
  worker.on('stalled', (jobId) =>
    logger.warn('a worker was lost; its job is started again', { queue: worker.name, jobId }),
  );
  if (worker.name.startsWith('backups')) count(worker, context);
}

function count(worker: Worker, { config, metrics }: WorkerContext): void {
  const labelsOf = (job: Job): { database: string; engine: string } => {
    // Only names of the configuration become labels: whatever else a job holds would grow them without bound.
    const database = config.databases.get(String(job.data?.database));
    return { database: database?.name ?? 'unknown', engine: database?.engine ?? 'unknown' };
  };
  worker.on('completed', (job, result: { bytes: number; duration: number }) => {
    metrics.success.inc(labelsOf(job));
    metrics.duration.observe(labelsOf(job), result.duration / 1_000);
    metrics.size.observe(labelsOf(job), result.bytes);
  });
  worker.on('failed', (job) => {
    // Without a finish time the job is only waiting for its next attempt.
    if (job?.finishedOn !== undefined) metrics.failure.inc(labelsOf(job));
  });
}

async function drain(workers: readonly Worker[], context: WorkerContext): Promise<void> {
  const closing = Promise.all(workers.map((worker) => worker.close()));
  const timer = setTimeout(() => {
    for (const worker of workers) worker.cancelAllJobs(stopReasons.shutdown);
  }, context.config.timeouts.drain);
  await closing;
  clearTimeout(timer);
}
