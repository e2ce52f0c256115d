import type { Job } from 'bullmq';
import { BackupDataError, type ErrorDocument, toErrorDocument } from '../../shared/errors.ts';
import { copyJobId } from '../../shared/queues/copy-job.ts';
import { failureOf } from '../../shared/queues/failure.ts';
import { parseProgress } from '../../shared/queues/progress.ts';
import type { CliContext } from './context.ts';
import type { CopyJob } from './copies.ts';

/** Milliseconds that Redis is given: the storages have answered already, and what it adds must not keep people waiting. */
const patience = 2_000;

/** The jobs that are to copy a backup to the storages. REDIS_UNAVAILABLE when Redis does not tell within two seconds. */
export async function readCopyJobs(
  context: CliContext,
  { backupId, storages }: { backupId: string; storages: readonly string[] },
): Promise<ReadonlyMap<string, CopyJob>> {
  const { withClient } = await import('../client/open.ts');
  const { findRedisUrl } = await import('./redis-url.ts');
  const options = { config: await context.config(), redisUrl: await findRedisUrl(context), patience };
  const read = withClient(options, async ({ client }) => {
    const found = await Promise.all(
      storages.map(async (storage) => {
        const job = await client.findJob(copyJobId({ backupId, to: storage }));
        const state = job && (await stateOf(job));
        return state ? [[storage, state] as const] : [];
      }),
    );
    return new Map(found.flat());
  });
  return read.catch((error: unknown) => {
    if (error instanceof BackupDataError) throw error;
    throw new BackupDataError('REDIS_UNAVAILABLE', 'Redis does not answer', { cause: error });
  });
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
