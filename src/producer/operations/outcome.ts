import { setTimeout as delay } from 'node:timers/promises';
import { BackupDataError, fromErrorDocument, hasCode } from '../../shared/errors.ts';
import type { Call, Operations } from './contract.ts';
import type { JobUpdate } from './documents.ts';

/** Milliseconds. */
const interval = 250;
/** Milliseconds that Redis may be away before it is waited for no more; the job itself is not touched. */
const patience = 60_000;

/** Waits for the end of a job: what it gave, or the error that it failed with. A Redis that is away is waited for a minute. */
export async function outcomeOf(
  operations: Pick<Operations, 'follow'>,
  {
    jobId,
    call,
    onUpdate,
    wait = pause,
  }: {
    jobId: string;
    call: Call;
    onUpdate?: (update: JobUpdate) => void;
    wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  },
): Promise<JobUpdate['result']> {
  for (let heardAt = performance.now(); ; await wait(interval, call.signal)) {
    try {
      for await (const update of operations.follow({ jobId }, call)) {
        heardAt = performance.now();
        if (update.error) throw fromErrorDocument(update.error);
        if (update.state === 'completed') return update.result;
        onUpdate?.(update);
      }
      throw unknownEnd(jobId);
    } catch (error) {
      const isAway = hasCode(error, 'REDIS_UNAVAILABLE') && performance.now() - heardAt <= patience;
      if (!isAway) throw error;
    }
  }
}

function unknownEnd(jobId: string): BackupDataError {
  return new BackupDataError('INTERNAL', `${jobId} was followed no further, and its end is not known`, {
    hint: `Look with \`backupdata jobs show ${jobId}\`.`,
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal });
}
