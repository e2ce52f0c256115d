import { buffer } from 'node:stream/consumers';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import { databaseOf, timeOfBackup } from '../../shared/ids.ts';
import { decodeManifest, type Manifest } from '../../shared/manifest.ts';
import type { Verification } from '../../shared/verification.ts';
import type { Storage } from '../storage/storage.ts';
import { catalogPrefix, manifestKey, parseCatalogKey } from './keys.ts';

/** One committed backup as a listing tells it; the manifest itself is not read. */
export interface CatalogEntry {
  backupId: string;
  database: string;
  verifications: readonly Verification[];
}

/** A backup with its manifest, or why the manifest cannot be trusted: one damaged backup must not hide the others. */
export type ListedBackup = CatalogEntry &
  ({ manifest: Manifest; problem: null } | { manifest: null; problem: BackupDataError });

const parallelReads = 16;

/** Every committed backup of one database, or of all that the storage holds, newest first. */
export async function listEntries(options: {
  storage: Storage;
  database: string | undefined;
  signal: AbortSignal;
}): Promise<CatalogEntry[]> {
  const { storage, database, signal } = options;
  const found = new Map<string, { committed: boolean; verifications: Verification[] }>();
  for await (const { key } of storage.list(database === undefined ? '' : catalogPrefix(database), signal)) {
    const parsed = parseCatalogKey(key);
    if (!parsed) continue;
    const entry = found.get(parsed.backupId) ?? { committed: false, verifications: [] };
    found.set(parsed.backupId, entry);
    if (parsed.kind === 'manifest') entry.committed = true;
    else entry.verifications.push(parsed.verification);
  }
  return [...found]
    .filter(([, entry]) => entry.committed)
    .map(([backupId, { verifications }]) => ({ backupId, database: databaseOf(backupId), verifications }))
    .sort(newestFirst);
}

/** The entries with their manifests, read a few at a time. */
export async function listBackups(options: {
  storage: Storage;
  database: string | undefined;
  signal: AbortSignal;
}): Promise<ListedBackup[]> {
  const entries = await listEntries(options);
  const backups: ListedBackup[] = [];
  for (let start = 0; start < entries.length; start += parallelReads) {
    const batch = entries.slice(start, start + parallelReads);
    const read = await Promise.all(batch.map((entry) => withManifest(options, entry)));
    backups.push(...read.filter((each) => each !== undefined));
  }
  return backups;
}

/** BACKUP_NOT_FOUND when it was never committed; MANIFEST_INVALID or FORMAT_UNSUPPORTED when it cannot be used. */
export async function readManifest(options: {
  storage: Storage;
  backupId: string;
  signal: AbortSignal;
}): Promise<Manifest> {
  const { storage, backupId, signal } = options;
  const key = manifestKey(backupId);
  const manifest = decodeManifest(
    await readObject({ storage, key, signal, missing: () => notFound(storage, backupId) }),
    key,
  );
  if (manifest.backupId !== backupId) {
    throw new BackupDataError(
      'MANIFEST_INVALID',
      `the manifest ${key} is that of another backup, ${manifest.backupId}`,
    );
  }
  return manifest;
}

/** The manifest, or undefined when the backup was not committed. */
export async function findManifest(options: {
  storage: Storage;
  backupId: string;
  signal: AbortSignal;
}): Promise<Manifest | undefined> {
  try {
    return await readManifest(options);
  } catch (error) {
    if (hasCode(error, 'BACKUP_NOT_FOUND')) return undefined;
    throw error;
  }
}

async function readObject(options: {
  storage: Storage;
  key: string;
  signal: AbortSignal;
  missing: () => BackupDataError;
}): Promise<Buffer> {
  try {
    return await buffer(await options.storage.get(options.key, { signal: options.signal }));
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) throw options.missing();
    throw error;
  }
}

/** Undefined for a backup that was retired since it was listed. */
async function withManifest(
  options: { storage: Storage; signal: AbortSignal },
  entry: CatalogEntry,
): Promise<ListedBackup | undefined> {
  try {
    return {
      ...entry,
      manifest: await readManifest({ ...options, backupId: entry.backupId }),
      problem: null,
    };
  } catch (error) {
    if (hasCode(error, 'BACKUP_NOT_FOUND')) return undefined;
    if (!hasCode(error, 'MANIFEST_INVALID') && !hasCode(error, 'FORMAT_UNSUPPORTED')) throw error;
    return { ...entry, manifest: null, problem: error };
  }
}

/** The order of every list of backups: by the instant in their ids, then by the id itself. */
export function newestFirst(a: { backupId: string }, b: { backupId: string }): number {
  const later = timeOfBackup(b.backupId).getTime() - timeOfBackup(a.backupId).getTime();
  if (later !== 0 || a.backupId === b.backupId) return later;
  return a.backupId < b.backupId ? 1 : -1;
}

function notFound(storage: Storage, backup: string): BackupDataError {
  return new BackupDataError('BACKUP_NOT_FOUND', `storage ${storage.name} holds no backup "${backup}"`, {
    hint: 'See what there is with `backupdata list`.',
  });
}
