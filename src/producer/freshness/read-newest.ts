import { type CatalogEntry, readManifest } from '../../pipeline/catalog/catalog.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { decisiveOf, type Verification } from '../../shared/verification.ts';
import type { DatabaseFreshness, NewestBackup } from './freshness.ts';

/** What one reading of a database's catalog tells. */
export interface Reading extends Pick<DatabaseFreshness, 'newest' | 'proven' | 'verificationFailed'> {
  /** Backups that do not count, because their manifests cannot be read or are of a time to come. */
  damaged: readonly Damaged[];
}

interface Damaged {
  backupId: string;
  why: 'its manifest cannot be read' | 'it is of a time to come';
  error: Error;
}

/** Milliseconds by which the clocks of a worker and of this machine may differ. */
const tolerance = 3_600_000;

interface ReadOptions {
  storage: Storage;
  /** Of one database, newest first. */
  entries: readonly CatalogEntry[];
  /** What was the newest the last time: a manifest never changes, so that it is not read again. */
  known: NewestBackup | null;
  now: Date;
  signal: AbortSignal;
}

/** Reads no more than the manifest of the newest backup that can be read. */
export async function readNewest(options: ReadOptions): Promise<Reading> {
  const { entries } = options;
  const damaged: Damaged[] = [];
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
  { entries, known, now, ...from }: ReadOptions,
  onDamaged: (damaged: Damaged) => void,
): Promise<NewestBackup | null> {
  const kept = entries.some(({ backupId }) => backupId === known?.backupId) ? known : null;
  for (const { backupId } of entries) {
    if (backupId === kept?.backupId) return kept;
    try {
      const read = describe(await readManifest({ ...from, backupId }));
      const error = ofTimeToCome(read, now);
      if (error) onDamaged({ backupId, why: 'it is of a time to come', error });
      else return kept && kept.snapshotAt > read.snapshotAt ? kept : read;
    } catch (error) {
      if (hasCode(error, 'MANIFEST_INVALID') || hasCode(error, 'FORMAT_UNSUPPORTED'))
        onDamaged({ backupId, why: 'its manifest cannot be read', error });
      // One that was retired since it was listed does not count either.
      else if (!hasCode(error, 'BACKUP_NOT_FOUND')) throw error;
    }
  }
  return kept;
}

/** It would be the newest for as long, and hide that there is no other. */
function ofTimeToCome({ backupId, snapshotAt }: NewestBackup, now: Date): Error | undefined {
  if (snapshotAt.getTime() <= now.getTime() + tolerance) return undefined;
  return new BackupDataError(
    'MANIFEST_INVALID',
    `backup ${backupId} says that it is of ${snapshotAt.toISOString()}`,
    {
      hint: 'Set the clocks of the workers and of this machine; then see whether it is to be kept.',
    },
  );
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
