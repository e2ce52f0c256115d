import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { asBackupDataError, BackupDataError, toFailedReason } from '../shared/errors.ts';
import { newAttemptId } from '../shared/ids.ts';
import type { Logger } from '../shared/logger.ts';
import type { WorkerContext } from './context.ts';
import { fieldsOf } from './job-fields.ts';

/** Why BullMQ's signal of a job was aborted by this worker; its reasons are strings. */
export const stopReasons = { lockLost: 'lock lost', shutdown: 'shutdown' } as const;

/** Thrown by a processor that cannot run the job yet: it goes back to the queue for so many milliseconds, its attempts unchanged. */
export class NotYet extends Error {
  readonly milliseconds: number;

  constructor(milliseconds: number) {
    super(`not for another ${milliseconds} ms`);
    this.milliseconds = milliseconds;
  }
}

/** One start of a job, as a processor sees it. */
export interface Start {
  job: Job;
  /** Of a run, the attempt that this start is. */
  attemptId: string;
  /** Proves to BullMQ that the job is this start's. */
  token: string;
  /** Aborted with a BackupDataError: cancelled, lock lost, too long, too silent; or at shutdown. */
  signal: AbortSignal;
  abort: (reason: BackupDataError) => void;
  /** Its lines name the job, and what that is about. */
  logger: Logger;
}

/**
 * Runs a processor for one start of a job and gives its end the form that BullMQ understands: a permanent error is
 * not retried, a shutdown hands the job back untouched, and whatever is thrown reaches Redis as one redacted text.
 */
export async function runJob<Result>(
  options: { context: WorkerContext; job: Job; token: string | undefined; signal: AbortSignal | undefined },
  process: (start: Start) => Promise<Result>,
): Promise<Result> {
  const { context, job, token = '', signal } = options;
  const run = new AbortController();
  const stop = (): void => run.abort(errorOf(signal?.reason));
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  const attemptId = newAttemptId();
  const logger = context.logger.child({ ...fieldsOf(job), ...(job.name === 'backup' && { attemptId }) });
  const abort = (reason: BackupDataError): void => run.abort(reason);
  try {
    return await process({ job, attemptId, token, signal: run.signal, abort, logger });
  } catch (error) {
    return await giveUp({
      context,
      job,
      token,
      logger,
      error: run.signal.aborted ? run.signal.reason : error,
    });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function giveUp(options: {
  context: WorkerContext;
  job: Job;
  token: string;
  logger: Logger;
  error: unknown;
}): Promise<never> {
  const { context, job, token, logger, error } = options;
  if (error instanceof NotYet) {
    await job.moveToDelayed(context.clock().getTime() + error.milliseconds, token);
    throw new DelayedError();
  }
  const failure = asBackupDataError(error);
  if (failure.code === 'INTERRUPTED') {
    logger.info('handed back to the queue at shutdown');
    await job.moveToWait(token);
    throw new WaitingError();
  }
  logger.error(`${job.name} failed`, { error: failure });
  const reason = context.redactText(toFailedReason(failure));
  throw failure.retryable ? new Error(reason) : new UnrecoverableError(reason);
}

function errorOf(reason: unknown): BackupDataError {
  if (reason === stopReasons.shutdown)
    return new BackupDataError('INTERRUPTED', 'the worker is shutting down');
  return new BackupDataError('LOCK_LOST', 'the lock of the job was lost', {
    hint: 'Another worker takes the run over.',
  });
}
