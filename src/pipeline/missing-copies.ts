import type { CopyTarget } from '../shared/config/schema.ts';
import { timeOfBackup } from '../shared/ids.ts';
import { newestFirst } from './catalog/catalog.ts';
import { catalogPrefix, parseCatalogKey, prunedKey } from './catalog/keys.ts';
import type { Storage } from './storage/storage.ts';

/**
 * The backups that are committed in `from`, are not in `to`, and would be kept there; newest first. One that was
 * retired in `to` is not missing.
 */
export async function missingCopies(options: {
  from: Storage;
  to: Storage;
  database: string;
  retention: CopyTarget['retention'];
  now: Date;
  signal: AbortSignal;
}): Promise<string[]> {
  const { from, to, database, retention, now, signal } = options;
  const here = await catalogOf(from, database, signal);
  const there = await catalogOf(to, database, signal);
  return keptForCertain([...here.committed].sort(), retention, now).filter(
    (backupId) => !there.committed.has(backupId) && !there.keys.has(prunedKey(backupId)),
  );
}

async function catalogOf(storage: Storage, database: string, signal: AbortSignal) {
  const keys = new Set<string>();
  const committed = new Set<string>();
  for await (const { key } of storage.list(catalogPrefix(database), signal)) {
    keys.add(key);
    const parsed = parseCatalogKey(key);
    if (parsed?.kind === 'manifest') committed.add(parsed.backupId);
  }
  return { keys, committed };
}

/**
 * What a retention keeps whatever its calendar says: the newest, the `last` newest, and what is younger than `within`;
 * everything without a retention. Less than it keeps, never more: a backup that prune retires must not be copied again.
 */
function keptForCertain(
  backupIds: readonly string[],
  retention: CopyTarget['retention'],
  now: Date,
): string[] {
  const ordered = backupIds.map((backupId) => ({ backupId })).sort(newestFirst);
  if (!retention) return ordered.map(({ backupId }) => backupId);
  const { last, within = 0 } = retention;
  const oldest = now.getTime() - within;
  return ordered
    .filter(({ backupId }, index) => index < Math.max(1, last) || timeOfBackup(backupId).getTime() >= oldest)
    .map(({ backupId }) => backupId);
}
