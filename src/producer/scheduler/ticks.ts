import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import { jitterOf } from '../../shared/cron.ts';
import { asBackupDataError, toFailedReason } from '../../shared/errors.ts';
import { redisPrefix, schedulesQueue } from '../../shared/queues/names.ts';
import { maxStartedAttempts, retryDelay } from '../../shared/queues/options.ts';
import { parsePayload } from '../../shared/queues/payloads.ts';
import { redactorOf } from '../../shared/redact.ts';
import type { SchedulerContext } from './context.ts';
import { findScheduled } from './schedules.ts';
import { seeToSlot } from './see-to-slot.ts';
import { seeToVerification } from './verify-slots.ts';

/** A tick does little, and a thousand may be due in the same minute. */
const atOnce = 32;

/** Handles what the schedules in Redis emit. A lost tick is made up for by the next look. */
export function openTicks(context: SchedulerContext): Worker {
  const { current, redis, random } = context;
  const { installation, queue } = current().config;
  // BullMQ gives the signal only to a function that declares three parameters.
  const processor = (job: Job, token: string | undefined, signal: AbortSignal | undefined) =>
    handle(context, job, { token, signal: signal ?? new AbortController().signal });
  return new Worker(schedulesQueue, processor, {
    connection: redis,
    prefix: redisPrefix(installation),
    concurrency: atOnce,
    lockDuration: queue.lockDuration,
    stalledInterval: queue.stalledInterval,
    // What a live scheduler emits has no limit of its own.
    maxStartedAttempts,
    settings: { backoffStrategy: (attemptsMade) => retryDelay(attemptsMade, current().config.queue, random) },
  });
}

async function handle(
  context: SchedulerContext,
  job: Job,
  { token, signal }: { token: string | undefined; signal: AbortSignal },
): Promise<void> {
  try {
    const { kind, database } = parsePayload('tick', job.data);
    const slot = new Date(job.opts.prevMillis ?? job.timestamp);
    if (kind === 'verify') await seeToVerification(context, { database, slot, signal });
    else await backUpAtTick(context, job, { database, slot, token, signal });
  } catch (error) {
    if (error instanceof DelayedError) throw error;
    const failure = asBackupDataError(error);
    context.logger.error('a tick failed', { jobId: job.id, database: job.data?.database, error: failure });
    const reason = redactorOf(context.current().config.secrets).text(toFailedReason(failure));
    throw failure.retryable ? new Error(reason) : new UnrecoverableError(reason);
  }
}

/** The tick comes at the slot; it waits in the queue for the time by which the database is put off. */
async function backUpAtTick(
  context: SchedulerContext,
  job: Job,
  tick: { database: string; slot: Date; token: string | undefined; signal: AbortSignal },
): Promise<void> {
  const { database, slot, token, signal } = tick;
  const scheduled = findScheduled(context.current().config, database);
  if (!scheduled) {
    context.logger.info('a backup was due of a database that has no schedule any more', { database });
    return;
  }
  const dueAt = slot.getTime() + jitterOf(scheduled);
  const now = context.clock().getTime();
  if (dueAt > now) {
    await job.moveToDelayed(dueAt, token);
    throw new DelayedError();
  }
  await seeToSlot(context, { scheduled, at: new Date(now), signal });
}
