import { BackupDataError, fromErrorDocument } from '../../shared/errors.ts';
import type { Call, Operations } from './contract.ts';
import type { JobUpdate } from './documents.ts';

/** Waits for the end of a job: what it gave, or the error that it failed with. */
export async function outcomeOf(
  operations: Pick<Operations, 'follow'>,
  { jobId, call, onUpdate }: { jobId: string; call: Call; onUpdate?: (update: JobUpdate) => void },
): Promise<JobUpdate['result']> {
  for await (const update of operations.follow({ jobId }, call)) {
    if (update.error) throw fromErrorDocument(update.error);
    if (update.state === 'completed') return update.result;
    onUpdate?.(update);
  }
  throw new BackupDataError('INTERNAL', `${jobId} was followed no further, and its end is not known`, {
    hint: `Look with \`backupdata jobs show ${jobId}\`.`,
  });
}
