import { readMarks } from '../../pipeline/catalog/marks.ts';
import { hasCode } from '../../shared/errors.ts';
import type { OperationsContext } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { copiesOf } from './copies.ts';
import { readCopyJobs } from './copy-jobs.ts';
import { type LocatedBackup, locateBackup } from './locate.ts';
import { unreadWarnings } from './unread.ts';

/** What a backup holds, how it was verified and where its copies are. */
export async function showBackup(
  context: OperationsContext,
  { backup, storage }: RequestOf<'showBackup'>,
  { signal }: Call,
): Promise<ResponseOf<'showBackup'>> {
  const { config, resources } = context.current();
  const located = await locateBackup({ resources, config, backup, storage, signal });
  const { manifest } = located;
  const { backupId } = manifest;
  const { verifications, pinned } = await readMarks({ storage: located.storage, backupId, signal });
  const { copies, warnings } = await readCopies(context, located, signal);
  return {
    manifest,
    storage: located.storage.name,
    copies,
    verifications: verifications.map((each) => ({ ...each, at: each.at.toISOString() })),
    pinned,
    warnings: [...unreadWarnings(located, context.clock()), ...warnings],
  };
}

/** What cannot be asked for a copy is told, and left out. */
async function readCopies(
  context: OperationsContext,
  located: LocatedBackup,
  signal: AbortSignal,
): Promise<Pick<ResponseOf<'showBackup'>, 'copies' | 'warnings'>> {
  const { config, resources } = context.current();
  const { backupId } = located.manifest;
  const warnings: string[] = [];
  const jobsOf = async (storages: readonly string[]): ReturnType<typeof readCopyJobs> => {
    try {
      return context.queues ? await readCopyJobs(context, { backupId, storages }) : new Map();
    } catch (error) {
      if (!hasCode(error, 'REDIS_UNAVAILABLE')) throw error;
      warnings.push(`whether a copy waits or has failed is not known: ${error.message}`);
      return new Map();
    }
  };
  const { copies, unasked } = await copiesOf({ resources, config, located, jobsOf, signal });
  const unknown = unasked.map(({ message }) => `whether there is another copy is not known: ${message}`);
  return { copies, warnings: [...warnings, ...unknown] };
}
