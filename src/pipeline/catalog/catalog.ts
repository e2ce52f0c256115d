import { buffer } from 'node:stream/consumers';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import { databaseOf, timeOfBackup } from '../../shared/ids.ts';
import { decodeManifest, type Manifest } from '../../shared/manifest.ts';
import type { Verification } from '../../shared/verification.ts';
import type { Storage, StoredObject } from '../storage/storage.ts';
import { catalogPrefix, manifestKey, type ParsedCatalogKey, parseCatalogKey } from './keys.ts';

/** One committed backup as a listing tells it; the manifest itself is not read. */
export interface CatalogEntry {
  backupId: string;
  database: string;
  verifications: readonly Verification[];
  /** Under a legal hold. */
  pinned: boolean;
  /** When its `.pruned` mark was written, by the storage's clock. Beside a manifest it only tells of a prune that did not end. */
  prunedAt: Date | undefined;
}

/** What the names in a catalog tell of one backup, committed or not. */
export interface CatalogNames extends CatalogEntry {
  committed: boolean;
  /** The keys of its verifications and its pin. */
  marks: readonly string[];
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
  return [...(await listNames(options)).values()]
    .filter(({ committed }) => committed)
    .map(({ committed, marks, ...entry }) => entry)
    .sort(newestFirst);
}

/** What stands in the catalog of one database, or of all, by backup id; retired backups too. */
export async function listNames(options: {
  storage: Storage;
  database: string | undefined;
  signal: AbortSignal;
}): Promise<Map<string, CatalogNames>> {
  const { storage, database, signal } = options;
  const found = new Map<string, CatalogNames>();
  for await (const object of storage.list(database === undefined ? '' : catalogPrefix(database), signal)) {
    const parsed = parseCatalogKey(object.key);
    if (!parsed) continue;
    const { backupId } = parsed;
    found.set(backupId, withObject(found.get(backupId) ?? noNames(backupId), object, parsed));
  }
  return found;
}

function noNames(backupId: string): CatalogNames {
  return {
    backupId,
    database: databaseOf(backupId),
    committed: false,
    verifications: [],
    pinned: false,
    prunedAt: undefined,
    marks: [],
  };
}

function withObject(names: CatalogNames, object: StoredObject, parsed: ParsedCatalogKey): CatalogNames {
  if (parsed.kind === 'manifest') return { ...names, committed: true };
  if (parsed.kind === 'pruned') return { ...names, prunedAt: object.modifiedAt };
  const marks = [...names.marks, object.key];
  if (parsed.kind === 'pin') return { ...names, marks, pinned: true };
  return { ...names, marks, verifications: [...names.verifications, parsed.verification] };
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
  return (await readManifestFile(options)).manifest;
}

/** As `readManifest`, with the very bytes that were committed. */
export async function readManifestFile(options: {
  storage: Storage;
  backupId: string;
  signal: AbortSignal;
}): Promise<{ manifest: Manifest; file: Buffer }> {
  const { storage, backupId, signal } = options;
  const key = manifestKey(backupId);
  const file = await readObject({ storage, key, signal, missing: () => notFound(storage, backupId) });
  const manifest = decodeManifest(file, key);
  if (manifest.backupId !== backupId) {
    throw new BackupDataError(
      'MANIFEST_INVALID',
      `the manifest ${key} is that of another backup, ${manifest.backupId}`,
    );
  }
  return { manifest, file };
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
