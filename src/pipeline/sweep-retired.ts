import type { CatalogNames } from './catalog/catalog.ts';
import { manifestKey, prunedKey } from './catalog/keys.ts';
import { graceSince, isPresent } from './catalog/pruned.ts';
import type { Storage } from './storage/storage.ts';

const removeAtOnce = 1_000;

/**
 * Removes what is left of backups that were retired before `retiredBefore`; gives how many objects. Parts go first and
 * the `.pruned` mark last, so that the next sweep ends what this one began. A mark beside a manifest, a pinned backup
 * and one that a job names are left alone.
 */
export async function sweepRetired(options: {
  storage: Storage;
  names: ReadonlyMap<string, CatalogNames>;
  /** Of every attempt of a backup, by the backup's id. */
  parts: ReadonlyMap<string, readonly string[]>;
  retiredBefore: Date;
  live: ReadonlySet<string>;
  signal: AbortSignal;
}): Promise<number> {
  const { storage, names, parts, live, signal } = options;
  let removed = 0;
  for (const backup of names.values()) {
    if (backup.committed || backup.pinned || live.has(backup.backupId)) continue;
    if (!(await isOver(backup, options))) continue;
    const { backupId, marks } = backup;
    const keys = parts.get(backupId) ?? [];
    await removeAll(storage, keys, signal);
    await removeAll(storage, marks, signal);
    await storage.remove([prunedKey(backupId)], signal);
    removed += keys.length + marks.length + 1;
  }
  return removed;
}

export async function removeAll(
  storage: Storage,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (let start = 0; start < keys.length; start += removeAtOnce)
    await storage.remove(keys.slice(start, start + removeAtOnce), signal);
}

/** Whether the grace of a retired backup is over, and nobody has put its manifest back. */
async function isOver(
  { backupId, prunedAt }: CatalogNames,
  { storage, retiredBefore, signal }: { storage: Storage; retiredBefore: Date; signal: AbortSignal },
): Promise<boolean> {
  if (!prunedAt || prunedAt >= retiredBefore) return false;
  if ((await graceSince({ storage, backupId, prunedAt, signal })) >= retiredBefore) return false;
  return !(await isPresent(storage, manifestKey(backupId), signal));
}
