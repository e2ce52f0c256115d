import type { Job } from 'bullmq';
import { BackupDataError, fromFailedReason } from '../errors.ts';

/** Why a job failed, as its worker told it; WORKER_LOST where the queue gave it up because nobody did. */
export function failureOf(job: Job): BackupDataError {
  const reason = job.failedReason ?? '';
  if (
    reason.includes('job stalled more than allowable limit') ||
    reason.includes('job started more than allowable limit')
  ) {
    const restoring = job.name === 'restore' ? '; the target may be partial' : '';
    return new BackupDataError('WORKER_LOST', `the worker that ran ${job.id} was lost${restoring}`, {
      hint:
        job.name === 'restore'
          ? 'Look at the target before anything uses it, then restore again.'
          : "See why in the worker's log; out of memory is the usual cause.",
    });
  }
  return fromFailedReason(reason);
}
