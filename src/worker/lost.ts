import { Job, type Worker } from 'bullmq';
import { failureOf } from '../shared/queues/failure.ts';
import { parseProgress } from '../shared/queues/progress.ts';
import type { WorkerContext } from './context.ts';
import { countLost } from './counting.ts';
import { fieldsOf } from './job-fields.ts';

/** Tells of starts that ended with their worker, which told nobody. */
export function tellLost(worker: Worker, context: () => WorkerContext): void {
  worker.on('stalled', (jobId) => void tellStalled(worker, context(), jobId));
  worker.on('failed', (job) => {
    if (!job) return;
    const error = failureOf(job);
    // The queue gave it up by itself: no start of it will end, and say so.
    if (error.code === 'WORKER_LOST')
      context().logger.child(lostFields(job)).error(`${job.name} failed`, { error });
  });
}

async function tellStalled(worker: Worker, context: WorkerContext, jobId: string): Promise<void> {
  // With Redis away the line has less to say.
  const job = await Job.fromId(worker, jobId).catch(() => undefined);
  const fields = job ? lostFields(job) : { jobId };
  context.logger.child(fields).warn('a worker was lost; its job is started again', { queue: worker.name });
  if (job) countLost(context, job);
}

/** Its worker said itself which attempt it was at, while it lived. */
function lostFields(job: Job): Record<string, unknown> {
  return { ...fieldsOf(job), attemptId: parseProgress(job.progress)?.attemptId ?? undefined };
}
