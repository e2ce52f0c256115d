import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { BackupDataError } from '../../shared/errors.ts';
import { follow, type Update } from '../client/follow.ts';
import type { CliContext } from './context.ts';
import type { ProgressPrinter } from './output/progress.ts';

/** Follows a job to its end and shows its progress under `name`. On Ctrl-C the job goes on, and the error says how to look. */
export async function followJob(
  context: CliContext,
  job: {
    redis: Redis;
    installation: string;
    queue: Queue;
    jobId: string;
    onlyOne?: string;
    name: string;
    printer: ProgressPrinter;
  },
): Promise<unknown> {
  const { printer, name } = job;
  const onUpdate = (update: Update): void =>
    printer.update({
      name,
      activity: activityOf(update),
      progress: update.state === 'active' ? update.progress : undefined,
    });
  try {
    return await follow({
      ...job,
      signal: context.signal,
      wait: context.wait,
      onUpdate,
    });
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new BackupDataError('INTERRUPTED', `stopped waiting; ${job.jobId} goes on`, {
      hint: `Look with \`backupdata jobs show ${job.jobId}\`, or stop it with \`backupdata jobs cancel ${job.jobId}\`.`,
    });
  }
}

function activityOf({ state, progress, lastFailure, hasWorker }: Update): string {
  if (state === 'reconnecting') return 'Redis does not answer; the job goes on';
  if (state === 'behind') return 'waiting for the active run of this database';
  if (state === 'active') return progress?.phase ?? 'starting';
  if (progress?.phase === 'configuration')
    return 'waiting for a worker whose configuration has this database';
  if (lastFailure) return `waiting for the next attempt; the last one failed: ${lastFailure.message}`;
  return hasWorker
    ? 'waiting for a free worker'
    : 'waiting: no worker takes this queue (start `backupdata worker`)';
}
