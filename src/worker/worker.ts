import { type Job, Worker, type WorkerOptions } from 'bullmq';
import type { Config, QueueConfig } from '../shared/config/schema.ts';
import { BackupDataError } from '../shared/errors.ts';
import { createReleaseStack } from '../shared/lifecycle.ts';
import { queueName, redisPrefix, type WorkerQueue } from '../shared/queues/names.ts';
import { maxStartedAttempts, retryDelay } from '../shared/queues/options.ts';
import { createThrottle } from '../shared/throttle.ts';
import type { WorkerContext } from './context.ts';
import { countAttempt, countEnds, countFromZero } from './counting.ts';
import { drain } from './drain.ts';
import { type Enqueuing, openEnqueuing } from './enqueuing.ts';
import { runJob, type Start, stopReasons } from './job.ts';
import { tellLost } from './lost.ts';
import { processBackup } from './processors/backup.ts';
import { processCopy } from './processors/copy.ts';
import { processDiscover } from './processors/discover.ts';
import { processPrune } from './processors/prune.ts';
import { processRestore } from './processors/restore.ts';
import { processVerify } from './processors/verify.ts';

export interface WorkerProcessOptions {
  context: Omit<WorkerContext, keyof Enqueuing>;
  /** Asked again for every configuration; one that it names no more is served on. */
  pools: (config: Config) => readonly string[];
  /** Backups at once, and as many verifications, copies and prunes. */
  concurrency: number;
}

/** What of a context comes from the configuration. */
export type Configured = Pick<WorkerContext, 'config' | 'resources' | 'redactText'>;

export interface WorkerProcess {
  ready: Promise<void>;
  /** Whether every queue is being read. */
  isRunning(): boolean;
  /** Jobs that start from now on have it; one that runs keeps what it began with. */
  reload(configured: Configured): void;
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
  const { redis, config } = options.context;
  const enqueuing = openEnqueuing({ redis, installation: config.installation });
  releases.push(enqueuing.close);
  const contextOf = (configured: Configured): WorkerContext => ({
    ...options.context,
    ...configured,
    ...enqueuing.with(configured.config.queue),
  });
  let context = contextOf(options.context);
  const active = new Set<Promise<unknown>>();
  const pools = new Map<string, Worker[]>();
  const openPools = (): void => {
    const common = { context: () => context, active, concurrency: options.concurrency };
    countFromZero(context, options.pools(context.config));
    for (const pool of options.pools(context.config))
      if (!pools.has(pool)) pools.set(pool, openPool({ ...common, pool }));
  };
  const workers = (): Worker[] => [...pools.values()].flat();
  openPools();
  releases.push(() => drain(workers(), active, context));
  return {
    ready: Promise.all(workers().map((worker) => worker.waitUntilReady())).then(() => undefined),
    isRunning: () => workers().every((worker) => worker.isRunning() && !worker.closing),
    reload: (configured) => {
      context = contextOf(configured);
      openPools();
    },
    close: releases.closeAll,
  };
}

interface PoolOptions {
  /** As it is now. */
  context: () => WorkerContext;
  /** Holds every job of this process while it is processed. */
  active: Set<Promise<unknown>>;
  pool: string;
  concurrency: number;
}

function openPool(options: PoolOptions): Worker[] {
  const { maxStalledCount } = options.context().config.queue;
  return [
    openWorker({ ...options, queue: 'backups', maxStalledCount }),
    openWorker({ ...options, queue: 'restores', concurrency: 1, maxStalledCount: 0 }),
    // As many at once: a long copy must not hold back what proves the backups that come meanwhile.
    openWorker({ ...options, queue: 'maintenance', maxStalledCount }),
  ];
}

function openWorker(options: PoolOptions & { queue: WorkerQueue; maxStalledCount: number }): Worker {
  const { active, queue, pool, concurrency, maxStalledCount } = options;
  const { config, redis, random } = options.context();
  // BullMQ gives the signal only to a function that declares three parameters.
  const processor = (job: Job, token: string | undefined, signal: AbortSignal | undefined) => {
    const context = options.context();
    const start = runJob({ context, job, token, signal }, async (start) => processorOf(job)(context, start));
    const run = countAttempt(context, job, start);
    active.add(run);
    return run.finally(() => active.delete(run));
  };
  const worker = new Worker(queueName(queue, pool), processor, {
    ...timing(config.queue, () => options.context().config.queue, random),
    connection: redis,
    prefix: redisPrefix(config.installation),
    concurrency,
    maxStalledCount,
  });
  listen(worker, options.context);
  return worker;
}

function timing(
  { lockDuration, stalledInterval }: QueueConfig,
  now: () => QueueConfig,
  random: () => number,
): Omit<WorkerOptions, 'connection'> {
  return {
    lockDuration,
    stalledInterval,
    maxStartedAttempts,
    settings: { backoffStrategy: (attemptsMade) => retryDelay(attemptsMade, now(), random) },
  };
}

function processorOf(job: Job): (context: WorkerContext, start: Start) => Promise<unknown> {
  if (Object.hasOwn(processors, job.name)) return processors[job.name as keyof typeof processors];
  throw new BackupDataError('PAYLOAD_INVALID', `this worker knows no job called "${job.name}"`, {
    hint: 'Producer and workers may be of different releases; upgrade the older one.',
  });
}

function listen(worker: Worker, context: () => WorkerContext): void {
  const { logger, clock } = context();
  const throttle = createThrottle({ clock, interval: 5_000 });
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) worker.cancelJob(jobId, stopReasons.lockLost);
  });
  // BullMQ repeats an error thousands of times a second while Redis refuses writes.
  worker.on('error', (error) =>
    throttle(error.message, (repeated) =>
      logger.warn('queue error', { queue: worker.name, error, repeated }),
    ),
  );
  countEnds(worker, context);
  tellLost(worker, context);
}
