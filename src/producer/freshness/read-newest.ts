import { type CatalogEntry, readManifest } from '../../pipeline/catalog/catalog.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { hasCode } from '../../shared/errors.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { decisiveOf, type Verification } from '../../shared/verification.ts';
import type { DatabaseFreshness, NewestBackup } from './freshness.ts';

/** What one reading of a database's catalog tells. */
export interface Reading extends Pick<DatabaseFreshness, 'newest' | 'proven' | 'verificationFailed'> {
  /** Backups whose manifests cannot be read, and so do not count. */
  damaged: readonly { backupId: string; error: Error }[];
}

interface ReadOptions {
  storage: Storage;
  /** Of one database, newest first. */
  entries: readonly CatalogEntry[];
  /** What was the newest the last time: a manifest never changes, so that it is not read again. */
  known: NewestBackup | null;
  signal: AbortSignal;
}

/** Reads no more than the manifest of the newest backup that can be read. */
export async function readNewest(options: ReadOptions): Promise<Reading> {
  const { entries } = options;
  const damaged: Reading['damaged'][number][] = [];
  const newest = await newestOf(options, (each) => damaged.push(each));
  const entry = entries.find(({ backupId }) => backupId === newest?.backupId);
  return {
    newest,
    proven: lastProof(entries),
    verificationFailed: decisiveOf(entry?.verifications ?? [])?.outcome === 'failed',
    damaged,
  };
}

/** Ids are in the order of slots: a slot that was made up for late may hold newer data than the id after it. */
async function newestOf(
  { entries, known, ...from }: ReadOptions,
  onDamaged: (damaged: Reading['damaged'][number]) => void,
): Promise<NewestBackup | null> {
  const kept = entries.some(({ backupId }) => backupId === known?.backupId) ? known : null;
  for (const { backupId } of entries) {
    if (backupId === kept?.backupId) return kept;
    try {
      const read = describe(await readManifest({ ...from, backupId }));
      return kept && kept.snapshotAt > read.snapshotAt ? kept : read;
    } catch (error) {
      if (hasCode(error, 'MANIFEST_INVALID') || hasCode(error, 'FORMAT_UNSUPPORTED'))
        onDamaged({ backupId, error });
      // One that was retired since it was listed does not count either.
      else if (!hasCode(error, 'BACKUP_NOT_FOUND')) throw error;
    }
  }
  return kept;
}

/** Nothing of the listing is kept: a piece of a text may hold all of it in memory. */
function describe(manifest: Manifest): NewestBackup {
  const { backupId, snapshotAt, startedAt, finishedAt, bytes, usualBytes } = manifest;
  return {
    backupId,
    snapshotAt: new Date(snapshotAt),
    finishedAt: new Date(finishedAt),
    duration: Date.parse(finishedAt) - Date.parse(startedAt),
    bytes,
    usualBytes: usualBytes ?? null,
  };
}

function lastProof(entries: readonly CatalogEntry[]): Verification | undefined {
  let last: Verification | undefined;
  for (const { verifications } of entries)
    for (const each of verifications) if (each.outcome === 'ok' && !(last && last.at >= each.at)) last = each;
  return last;
}
