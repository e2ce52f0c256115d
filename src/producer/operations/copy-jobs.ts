import type { Job } from 'bullmq';
import { BackupDataError, type ErrorDocument, toErrorDocument } from '../../shared/errors.ts';
import { copyJobId } from '../../shared/queues/copy-job.ts';
import { failureOf } from '../../shared/queues/failure.ts';
import { parseProgress } from '../../shared/queues/progress.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import type { CopyJob } from './copies.ts';

/** Milliseconds that Redis is given: the storages have answered already, and what it adds must not keep people waiting. */
const patience = 2_000;

/** The jobs that are to copy a backup to the storages. REDIS_UNAVAILABLE when Redis does not tell within two seconds. */
export async function readCopyJobs(
  context: OperationsContext,
  { backupId, storages }: { backupId: string; storages: readonly string[] },
): Promise<ReadonlyMap<string, CopyJob>> {
  const late = new AbortController();
  const tooLate = context.wait(patience, late.signal).then(() => {
    throw new BackupDataError('REDIS_UNAVAILABLE', 'Redis does not answer');
  });
  const read = readJobs(context, backupId, storages);
  // Whichever comes second is of no interest any more.
  for (const each of [read, tooLate]) each.catch(() => undefined);
  try {
    return await Promise.race([read, tooLate]);
  } finally {
    late.abort();
  }
}

async function readJobs(
  context: OperationsContext,
  backupId: string,
  storages: readonly string[],
): Promise<Map<string, CopyJob>> {
  const { client } = await sessionOf(context);
  const found = await Promise.all(
    storages.map(async (storage) => {
      const job = await client.findJob(copyJobId({ backupId, to: storage }));
      const state = job && (await stateOf(job));
      return state ? [[storage, state] as const] : [];
    }),
  );
  return new Map(found.flat());
}

/** Undefined for a job that ended well: what it copied was retired, or is lost. */
async function stateOf(job: Job): Promise<CopyJob | undefined> {
  const state = await job.getState();
  if (state === 'completed' || state === 'unknown') return undefined;
  const error: { error?: ErrorDocument } = job.failedReason ? { error: toErrorDocument(failureOf(job)) } : {};
  if (state === 'failed') return { state: 'failed', ...error };
  if (state !== 'active') return { state: 'waiting', ...error };
  const progress = parseProgress(job.progress);
  return progress ? { state: 'copying', progress } : { state: 'copying' };
}
