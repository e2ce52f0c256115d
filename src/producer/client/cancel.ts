import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { BackupDataError } from '../../shared/errors.ts';
import { cancelKey, redisPrefix } from '../../shared/queues/names.ts';

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
