import type { Job, Queue } from 'bullmq';
import { toErrorDocument } from '../../shared/errors.ts';
import { timeOfBackup } from '../../shared/ids.ts';
import { failureOf } from '../../shared/queues/failure.ts';
import { parseProgress } from '../../shared/queues/progress.ts';
import type { Successor } from '../client/successor.ts';
import { type JobDocument, jobStates } from './documents.ts';

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

/** A run that has no job yet. */
export function summariseSuccessor({ jobId, job, database, queue }: Successor): JobDocument {
  return {
    id: jobId,
    queue: queue.name,
    name: job,
    state: 'behind',
    database,
    backupId: job === 'backup' ? jobId : null,
    attempts: 0,
    createdAt: timeOfBackup(jobId).toISOString(),
    startedAt: null,
    finishedAt: null,
    progress: null,
    error: null,
    result: null,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function timeOf(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}
