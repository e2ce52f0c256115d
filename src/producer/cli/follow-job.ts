import { BackupDataError } from '../../shared/errors.ts';
import type { JobUpdate } from '../operations/documents.ts';
import { outcomeOf } from '../operations/outcome.ts';
import type { CliContext } from './context.ts';
import type { Service } from './operations.ts';
import type { ProgressPrinter } from './output/progress.ts';

/** Follows a job to its end and shows its progress under `name`. On Ctrl-C the job goes on, and the error says how to look. */
export async function followJob(
  context: CliContext,
  { operations, call }: Service,
  { jobId, name, printer }: { jobId: string; name: string; printer: ProgressPrinter },
): Promise<JobUpdate['result']> {
  const onUpdate = (update: JobUpdate): void =>
    printer.update({
      name,
      activity: activityOf(update, context.server ? 'the producer' : 'Redis'),
      progress: (update.state === 'active' && update.progress) || undefined,
    });
  try {
    return await outcomeOf(operations, { jobId, call, onUpdate, wait: context.wait });
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new BackupDataError('INTERRUPTED', `stopped waiting; ${jobId} goes on`, {
      hint: `Look with \`backupdata jobs show ${jobId}\`, or stop it with \`backupdata jobs cancel ${jobId}\`.`,
    });
  }
}

function activityOf(
  { state, progress, lastFailure, hasWorker }: JobUpdate,
  asked: 'Redis' | 'the producer',
): string {
  if (state === 'reconnecting') return `${asked} does not answer; the job goes on`;
  if (state === 'behind') return 'waiting for the active run of this database';
  if (state === 'active') return progress?.phase ?? 'starting';
  if (progress?.phase === 'configuration')
    return 'waiting for a worker whose configuration has this database';
  if (lastFailure) return `waiting for the next attempt; the last one failed: ${lastFailure.message}`;
  return hasWorker
    ? 'waiting for a free worker'
    : 'waiting: no worker takes this queue (start `backupdata worker`)';
}
