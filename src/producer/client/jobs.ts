import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { BackupDataError, toErrorDocument } from '../../shared/errors.ts';
import { failureOf } from '../../shared/queues/failure.ts';
import { cancelKey, redisPrefix } from '../../shared/queues/names.ts';
import { parseProgress } from '../../shared/queues/progress.ts';
import { type JobDocument, jobStates } from '../operations/documents.ts';

const week = 7 * 86_400;

/** Reads the job again after its state, so that the two are of one moment. */
export async function summarise(queues: readonly Queue[], found: Job): Promise<JobDocument> {
  const state = await found.getState();
  const queue = queues.find((each) => each.name === found.queueName);
  const job = (await queue?.getJob(found.id ?? '')) ?? found;
  const data: Record<string, unknown> = job.data ?? {};
  return {
    id: job.id ?? '',
    queue: job.queueName,
    name: job.name,
    state: jobStates.find((each) => each === state) ?? 'waiting',
    database: textOf(data.database ?? data.server),
    backupId: textOf(data.backupId),
    attempts: job.attemptsStarted,
    createdAt: timeOf(job.timestamp) ?? '',
    startedAt: timeOf(job.processedOn),
    finishedAt: timeOf(job.finishedOn),
    progress: parseProgress(job.progress) ?? null,
    error: job.failedReason ? toErrorDocument(failureOf(job)) : null,
    result: job.returnvalue ?? null,
  };
}

/**
 * Cancels a job wherever it is: one that waits is removed, a running one is told through Redis and ended by its worker
 * within a second or two; so is one with a successor, when it is next started. JOB_NOT_FOUND for one that is finished.
 */
export async function cancelJob(options: {
  redis: Redis;
  installation: string;
  job: Job;
  by: string;
}): Promise<'removed' | 'told'> {
  const { redis, installation, job, by } = options;
  const state = await job.getState();
  if (state === 'completed' || state === 'failed') {
    throw new BackupDataError(
      'JOB_NOT_FOUND',
      `job ${job.id} has already ${state === 'failed' ? 'failed' : 'completed'}`,
      {
        hint: 'There is nothing to cancel; `backupdata jobs list` shows what runs.',
      },
    );
  }
  // The mark first: a job that becomes active in between is then ended by its worker.
  await redis.set(cancelKey(installation, job.id ?? ''), by, 'EX', week);
  if (state === 'active') return 'told';
  if (await hasSuccessor(redis, installation, job)) {
    // BullMQ would remove the successor with it, and enqueues it only when this one has ended.
    await job.promote().catch(() => undefined);
    return 'told';
  }
  try {
    await job.remove();
    return 'removed';
  } catch {
    return 'told';
  }
}

async function hasSuccessor(redis: Redis, installation: string, job: Job): Promise<boolean> {
  const key = `${redisPrefix(installation)}:${job.queueName}:dn:${job.deduplicationId}`;
  return job.deduplicationId !== undefined && (await redis.exists(key)) === 1;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function timeOf(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}
