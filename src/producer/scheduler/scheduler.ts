import { setTimeout as delay } from 'node:timers/promises';
import { type Job, type Queue, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { asBackupDataError, toFailedReason } from '../../shared/errors.ts';
import { redisPrefix, schedulesQueue } from '../../shared/queues/names.ts';
import { maxStartedAttempts, retryDelay } from '../../shared/queues/options.ts';
import { parsePayload } from '../../shared/queues/payloads.ts';
import { openQueue } from '../../shared/queues/queue.ts';
import { createRedactor } from '../../shared/redact.ts';
import { createThrottle } from '../../shared/throttle.ts';
import { reconcile } from './reconcile.ts';
import { schedulesOf } from './schedules.ts';
import { type TickContext, verifyAtTick } from './verify-tick.ts';

export interface SchedulerOptions extends TickContext {
  /** Of the role `worker`: it waits for a Redis that is away. */
  redis: Redis;
  clock: () => Date;
  random: () => number;
}

export interface Scheduler {
  queue: Queue;
  close(): Promise<void>;
}

/** Milliseconds between looks whether Redis holds the schedules of the configuration: it may have lost them. */
const interval = 30_000;
/** Milliseconds that BullMQ is given to close; with Redis away it may not come to an end. */
const patience = 2_000;

/** Keeps the schedules and handles what they emit. Any number of producers may run one; without Redis it keeps trying. */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { config, redis, logger, clock } = options;
  const { installation } = config;
  const queue = openQueue(schedulesQueue, { redis, installation });
  const throttle = createThrottle({ clock, interval: 5_000 });
  const complain = (message: string, error: Error): void =>
    throttle(`${message} ${error.message}`, (repeated) => logger.warn(message, { error, repeated }));
  const worker = openWorker(options);
  worker.on('error', (error) => complain('schedules: queue error', error));
  const stop = keepReconciled(options, queue, complain);
  return {
    queue,
    close: async () => {
      stop();
      const over = new AbortController();
      const closing = Promise.allSettled([worker.close(), queue.close()]).finally(() => over.abort());
      await Promise.race([
        closing,
        delay(patience, undefined, { signal: over.signal }).catch(() => undefined),
      ]);
    },
  };
}

function keepReconciled(
  options: SchedulerOptions,
  queue: Queue,
  complain: (message: string, error: Error) => void,
): () => void {
  const wanted = schedulesOf(options.config);
  const closed = new AbortController();
  const { signal } = closed;
  let busy = false;
  const round = async (): Promise<void> => {
    // With Redis away a round waits for it; there is no need for a second one.
    if (busy) return;
    busy = true;
    await reconcile({
      queue,
      wanted,
      now: options.clock(),
      onOverdue: ({ data }, slot) => verifyAtTick(options, { ...data, slot, signal }),
    }).catch((error: Error) => {
      if (!signal.aborted) complain('the schedules could not be compared with Redis', error);
    });
    busy = false;
  };
  void round();
  const timer = setInterval(() => void round(), interval);
  return () => {
    clearInterval(timer);
    closed.abort();
  };
}

function openWorker(options: SchedulerOptions): Worker {
  const { config, redis, random } = options;
  // BullMQ gives the signal only to a function that declares three parameters.
  const processor = (job: Job, _token: string | undefined, signal: AbortSignal | undefined) =>
    handle(options, job, signal ?? new AbortController().signal);
  return new Worker(schedulesQueue, processor, {
    connection: redis,
    prefix: redisPrefix(config.installation),
    lockDuration: config.queue.lockDuration,
    stalledInterval: config.queue.stalledInterval,
    // What a live scheduler emits has no limit of its own.
    maxStartedAttempts,
    settings: { backoffStrategy: (attemptsMade) => retryDelay(attemptsMade, config.queue, random) },
  });
}

async function handle(options: SchedulerOptions, job: Job, signal: AbortSignal): Promise<void> {
  try {
    const { database } = parsePayload('tick', job.data);
    const slot = new Date(job.opts.prevMillis ?? job.timestamp);
    await verifyAtTick(options, { database, slot, signal });
  } catch (error) {
    const failure = asBackupDataError(error);
    options.logger.error('a tick failed', { jobId: job.id, error: failure });
    const reason = createRedactor(options.config.secrets).text(toFailedReason(failure));
    throw failure.retryable ? new Error(reason) : new UnrecoverableError(reason);
  }
}
