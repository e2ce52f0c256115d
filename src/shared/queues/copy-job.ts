import type { Job, Queue } from 'bullmq';
import type { QueueConfig } from '../config/schema.ts';
import { type ErrorCode, fromFailedReason } from '../errors.ts';
import { maintenanceOptions } from './options.ts';
import type { Payload } from './payloads.ts';

/** One copy of a backup to a storage has one job: two at once would write the same objects. */
export function copyJobId({ backupId, to }: Pick<Payload<'copy'>, 'backupId' | 'to'>): string {
  return `copy-${backupId}-${to}`;
}

export interface EnqueuedCopy {
  jobId: string;
  /** `joined`: such a job waits or runs already. */
  as: 'new' | 'joined';
}

/** Enqueues a copy. A job of the same copy that has ended makes way; one that waits or runs serves this request too. */
export async function enqueueCopy(
  queue: Queue,
  { payload, config }: { payload: Payload<'copy'>; config: QueueConfig },
): Promise<EnqueuedCopy> {
  const jobId = copyJobId(payload);
  const earlier = await queue.getJob(jobId);
  if (earlier && !(await makesWay(earlier))) return { jobId, as: 'joined' };
  await queue.add('copy', payload, maintenanceOptions({ jobId, queue: config }));
  return { jobId, as: 'new' };
}

async function makesWay(job: Job): Promise<boolean> {
  if (!(await job.isCompleted()) && !(await job.isFailed())) return false;
  // Somebody else may enqueue it anew in between; a job that is at work cannot be removed.
  return job.remove().then(
    () => true,
    () => false,
  );
}

/** Failures that say something of the backup itself, or that a person meant: another attempt by itself would not mend them. */
const lasting: readonly ErrorCode[] = [
  'OBJECT_DAMAGED',
  'OBJECT_NOT_FOUND',
  'OBJECT_EXISTS',
  'MANIFEST_INVALID',
  'FORMAT_UNSUPPORTED',
  'CANCELLED',
];

/** Whether the job of this copy failed for good, and for a reason that lasts. */
export async function failedLastingly(
  queue: Queue,
  copy: Pick<Payload<'copy'>, 'backupId' | 'to'>,
): Promise<boolean> {
  const job = await queue.getJob(copyJobId(copy));
  if (!job?.failedReason || !(await job.isFailed())) return false;
  return lasting.includes(fromFailedReason(job.failedReason).code);
}
