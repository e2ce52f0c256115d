import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { BackupDataError } from '../../shared/errors.ts';
import { cancelKey, redisPrefix } from '../../shared/queues/names.ts';

/** Seconds that a mark stays: longer than any run waits. */
const week = 7 * 86_400;

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
  await markCancelled({ redis, installation, jobId: job.id ?? '', by });
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

/** Tells by whom a job was cancelled to whoever runs it, or follows it. */
export async function markCancelled(mark: {
  redis: Redis;
  installation: string;
  jobId: string;
  by: string;
}): Promise<void> {
  await mark.redis.set(cancelKey(mark.installation, mark.jobId), mark.by, 'EX', week);
}

async function hasSuccessor(redis: Redis, installation: string, job: Job): Promise<boolean> {
  const key = `${redisPrefix(installation)}:${job.queueName}:dn:${job.deduplicationId}`;
  return job.deduplicationId !== undefined && (await redis.exists(key)) === 1;
}
