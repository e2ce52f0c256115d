import { type Job, Worker, type WorkerOptions } from 'bullmq';
import type { QueueConfig } from '../shared/config/schema.ts';
import { serverOf } from '../shared/config/servers.ts';
import { BackupDataError } from '../shared/errors.ts';
import { createReleaseStack } from '../shared/lifecycle.ts';
import { queueName, redisPrefix, type WorkerQueue } from '../shared/queues/names.ts';
import { maxStartedAttempts, retryDelay } from '../shared/queues/options.ts';
import { createThrottle } from '../shared/throttle.ts';
import type { WorkerContext } from './context.ts';
import { drain } from './drain.ts';
import { type Enqueuing, openEnqueuing } from './enqueuing.ts';
import { runJob, type Start, stopReasons } from './job.ts';
import { processBackup } from './processors/backup.ts';
import { processCopy } from './processors/copy.ts';
import { processDiscover } from './processors/discover.ts';
import { processPrune } from './processors/prune.ts';
import { processRestore } from './processors/restore.ts';
import { processVerify } from './processors/verify.ts';

export interface WorkerProcessOptions {
  context: Omit<WorkerContext, keyof Enqueuing>;
  pools: readonly string[];
  /** Backups at once, and as many verifications, copies and prunes. */
  concurrency: number;
}

export interface WorkerProcess {
  ready: Promise<void>;
  /** Whether every queue is being read. */
  isRunning(): boolean;
  /** Takes no new job, lets runs finish within the drain time, hands the rest back to the queue, leaves no child process. */
  close(): Promise<void>;
}

const processors = {
  backup: processBackup,
  discover: processDiscover,
  restore: processRestore,
  verify: processVerify,
  copy: processCopy,
  prune: processPrune,
} as const;

/** Starts taking jobs of the given pools. */
export function startWorker(options: WorkerProcessOptions): WorkerProcess {
  const releases = createReleaseStack();
  const { concurrency } = options;
  const { close, ...enqueuing } = openEnqueuing(options.context);
  releases.push(close);
  const context: WorkerContext = { ...options.context, ...enqueuing };
  const { maxStalledCount } = context.config.queue;
  const active = new Set<Promise<unknown>>();
  const common = { context, active };
  const workers = options.pools.flatMap((pool) => [
    openWorker({ ...common, queue: 'backups', pool, concurrency, maxStalledCount }),
    openWorker({ ...common, queue: 'restores', pool, concurrency: 1, maxStalledCount: 0 }),
    // As many at once: a long copy must not hold back what proves the backups that come meanwhile.
    openWorker({ ...common, queue: 'maintenance', pool, concurrency, maxStalledCount }),
  ]);
  releases.push(() => drain(workers, active, context));
  return {
    ready: Promise.all(workers.map((worker) => worker.waitUntilReady())).then(() => undefined),
    isRunning: () => workers.every((worker) => worker.isRunning() && !worker.closing),
    close: releases.closeAll,
  };
}

function openWorker(options: {
  context: WorkerContext;
  /** Holds every job of this process while it is processed. */
  active: Set<Promise<unknown>>;
  queue: WorkerQueue;
  pool: string;
  concurrency: number;
  maxStalledCount: number;
}): Worker {
  const { context, active, queue, pool, concurrency, maxStalledCount } = options;
  // BullMQ gives the signal only to a function that declares three parameters.
  const processor = (job: Job, token: string | undefined, signal: AbortSignal | undefined) => {
    const run = runJob({ context, job, token, signal }, async (start) => processorOf(job)(context, start));
    active.add(run);
    return run.finally(() => active.delete(run));
  };
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
    // Only names of the configuration become labels: whatever else a job holds would grow them without bound, and so would
    // the databases of a server, which all count under the server's name.
    const name = String(job.data?.database ?? job.data?.server);
    const labelled =
      config.databases.get(name) ?? (config.servers.get(name) ?? serverOf(config, name))?.template;
    return { database: labelled?.name ?? 'unknown', engine: labelled?.engine ?? 'unknown' };
  };
  worker.on('completed', (job, result: { bytes: number; duration: number }) => {
    if (job.name !== 'backup') return;
    metrics.success.inc(labelsOf(job));
    metrics.duration.observe(labelsOf(job), result.duration / 1_000);
    metrics.size.observe(labelsOf(job), result.bytes);
  });
  worker.on('failed', (job) => {
    // Without a finish time the job is only waiting for its next attempt.
    if (job?.finishedOn !== undefined) metrics.failure.inc(labelsOf(job));
  });
}
