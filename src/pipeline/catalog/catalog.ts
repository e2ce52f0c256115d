import { buffer } from 'node:stream/consumers';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import { databaseOf, timeOfBackup } from '../../shared/ids.ts';
import { decodeManifest, type Manifest } from '../../shared/manifest.ts';
import type { Verification } from '../../shared/verification.ts';
import { mapAtMost } from '../process/map-at-most.ts';
import type { Storage, StoredObject } from '../storage/storage.ts';
import {
  catalogPrefix,
  manifestKey,
  type ParsedCatalogKey,
  parseCatalogKey,
  parseDataKey,
  serverPrefix,
} from './keys.ts';
import type { CachedFile, ManifestCache, ManifestVersion } from './manifest-cache.ts';

/** One committed backup as a listing tells it; the manifest itself is not read. */
export interface CatalogEntry {
  backupId: string;
  database: string;
  verifications: readonly Verification[];
  /** Under a legal hold. */
  pinned: boolean;
  /** When its `.pruned` mark was written, by the storage's clock. Beside a manifest it only tells of a prune that did not end. */
  prunedAt: Date | undefined;
  /** Of the manifest's object, where the storage tells one. */
  version: string | undefined;
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

/** What a cache is asked for at once, and what is held of files that it is to keep. */
const batchSize = 256;
const parallelReads = 32;

/**
 * Whose catalog is read: one database's, that of every database of a server and of one that is called as it is, or all that
 * the storage holds.
 */
interface CatalogRequest {
  storage: Storage;
  database: string | undefined;
  server?: string | undefined;
  signal: AbortSignal;
}

/** Every committed backup there, newest first. */
export async function listEntries(options: CatalogRequest): Promise<CatalogEntry[]> {
  return [...(await listNames(options)).values()]
    .filter(({ committed }) => committed)
    .map(({ committed, marks, ...entry }) => entry)
    .sort(newestFirst);
}

/** What stands in the catalog, by backup id; retired backups too. */
export async function listNames(options: CatalogRequest): Promise<Map<string, CatalogNames>> {
  const { storage, signal } = options;
  const found = new Map<string, CatalogNames>();
  for (const prefix of prefixesOf(options)) {
    for await (const object of storage.list(prefix, signal)) {
      const parsed = parseCatalogKey(object.key);
      if (!parsed) continue;
      const { backupId } = parsed;
      found.set(backupId, withObject(found.get(backupId) ?? noNames(backupId), object, parsed));
    }
  }
  return found;
}

/** Before it was a server, an entry of that name may have been a database. */
function prefixesOf({ database, server }: CatalogRequest): string[] {
  if (database !== undefined) return [catalogPrefix(database)];
  return server === undefined ? [''] : [catalogPrefix(server), serverPrefix(server)];
}

/** The databases of a server that have backups there, in order. */
export function databasesStored(options: OfServer): Promise<string[]> {
  return databasesBy(options, (key) => {
    const parsed = parseCatalogKey(key);
    return parsed?.kind === 'manifest' ? parsed.backupId : undefined;
  });
}

/** Those too that have no backup any more, or never had one: of which a mark or a part of an attempt is left. */
export function databasesLeft(options: OfServer): Promise<string[]> {
  return databasesBy(options, (key) => (parseCatalogKey(key) ?? parseDataKey(key))?.backupId);
}

interface OfServer {
  storage: Storage;
  server: string;
  signal: AbortSignal;
}

async function databasesBy(
  { storage, server, signal }: OfServer,
  backupIdOf: (key: string) => string | undefined,
): Promise<string[]> {
  const found = new Set<string>();
  for await (const { key } of storage.list(serverPrefix(server), signal)) {
    const backupId = backupIdOf(key);
    if (backupId !== undefined) found.add(databaseOf(backupId));
  }
  return [...found].sort();
}

function noNames(backupId: string): CatalogNames {
  return {
    backupId,
    database: databaseOf(backupId),
    committed: false,
    verifications: [],
    pinned: false,
    prunedAt: undefined,
    version: undefined,
    marks: [],
  };
}

function withObject(names: CatalogNames, object: StoredObject, parsed: ParsedCatalogKey): CatalogNames {
  if (parsed.kind === 'manifest') return { ...names, committed: true, version: object.version };
  if (parsed.kind === 'pruned') return { ...names, prunedAt: object.modifiedAt };
  const marks = [...names.marks, object.key];
  if (parsed.kind === 'pin') return { ...names, marks, pinned: true };
  return { ...names, marks, verifications: [...names.verifications, parsed.verification] };
}

interface ReadOptions {
  storage: Storage;
  /** For manifests that are shown and no more; each is read from the storage when there is none. */
  cache?: ManifestCache | undefined;
  signal: AbortSignal;
}

type ListOptions = CatalogRequest & ReadOptions;

/** The entries with their manifests. Those that the cache does not know are read some at a time, and told to it. */
export async function listBackups(options: ListOptions): Promise<ListedBackup[]> {
  return readBackups({ ...options, entries: await listEntries(options) });
}

/** As `listBackups`, of entries that were listed before. One that was retired since is left out. */
export async function readBackups(
  options: ReadOptions & { entries: readonly CatalogEntry[] },
): Promise<ListedBackup[]> {
  const { entries } = options;
  const backups: ListedBackup[] = [];
  for (let start = 0; start < entries.length; start += batchSize)
    backups.push(...(await readBatch(options, entries.slice(start, start + batchSize))));
  return backups;
}

async function readBatch(options: ReadOptions, entries: readonly CatalogEntry[]): Promise<ListedBackup[]> {
  const { storage, signal, cache } = options;
  const cached = await readCached(options, entries);
  const read: CachedFile[] = [];
  const items = entries.map((entry) => ({ entry, known: cached.get(entry.backupId) }));
  const backups = await mapAtMost({ items, limit: parallelReads, signal }, async ({ entry, known }, stop) => {
    if (known) return { ...entry, manifest: known, problem: null };
    const remember = (file: Buffer): void => {
      const version = versionOf(storage, entry);
      if (version) read.push({ ...version, file });
    };
    return withManifest({ storage, entry, remember, signal: stop });
  });
  if (read.length > 0) await cache?.write(read);
  return backups.filter((each) => each !== undefined);
}

/** By backup id. What a cache gives is believed no more than what a storage does: a file that is not right is not known. */
async function readCached(
  { storage, cache }: ReadOptions,
  entries: readonly CatalogEntry[],
): Promise<ReadonlyMap<string, Manifest>> {
  const manifests = new Map<string, Manifest>();
  const asked = entries.flatMap((entry) => {
    const version = versionOf(storage, entry);
    return version ? [{ ...version, backupId: entry.backupId }] : [];
  });
  if (!cache || asked.length === 0) return manifests;
  const files = await cache.read(asked);
  for (const [index, { backupId }] of asked.entries()) {
    const file = files[index];
    const manifest = file && manifestUnlessInvalid(file, backupId);
    if (manifest) manifests.set(backupId, manifest);
  }
  return manifests;
}

function versionOf(storage: Storage, { backupId, version }: CatalogEntry): ManifestVersion | undefined {
  return version === undefined ? undefined : { storage: storage.name, key: manifestKey(backupId), version };
}

function manifestUnlessInvalid(file: Uint8Array, backupId: string): Manifest | undefined {
  try {
    return manifestFrom(file, backupId);
  } catch {
    return undefined;
  }
}

/** A manifest, and its file as it is stored: a copy of the backup repeats it to the byte. */
export interface ManifestFile {
  file: Buffer;
  manifest: Manifest;
}

interface ManifestRequest {
  storage: Storage;
  backupId: string;
  signal: AbortSignal;
}

/** BACKUP_NOT_FOUND when it was never committed; MANIFEST_INVALID or FORMAT_UNSUPPORTED when it cannot be used. */
export async function readManifest(options: ManifestRequest): Promise<Manifest> {
  return (await readManifestFile(options)).manifest;
}

/** As `readManifest`, with the very bytes that were committed. */
export async function readManifestFile(options: ManifestRequest): Promise<ManifestFile> {
  const file = await readFile(options);
  return { file, manifest: manifestFrom(file, options.backupId) };
}

function manifestFrom(file: Uint8Array, backupId: string): Manifest {
  const key = manifestKey(backupId);
  const manifest = decodeManifest(file, key);
  if (manifest.backupId === backupId) return manifest;
  throw new BackupDataError(
    'MANIFEST_INVALID',
    `the manifest ${key} is that of another backup, ${manifest.backupId}`,
  );
}

/** The manifest, or undefined when the backup was not committed. */
export async function findManifest(options: ManifestRequest): Promise<Manifest | undefined> {
  return (await findManifestFile(options))?.manifest;
}

/** As `findManifest`, with the bytes that were read. */
export async function findManifestFile(options: ManifestRequest): Promise<ManifestFile | undefined> {
  try {
    return await readManifestFile(options);
  } catch (error) {
    if (hasCode(error, 'BACKUP_NOT_FOUND')) return undefined;
    throw error;
  }
}

async function readFile({ storage, backupId, signal }: ManifestRequest): Promise<Buffer> {
  try {
    return await buffer(await storage.get(manifestKey(backupId), { signal }));
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) throw notFound(storage, backupId);
    throw error;
  }
}

/** Undefined for a backup that was retired since it was listed. */
async function withManifest(options: {
  storage: Storage;
  entry: CatalogEntry;
  /** Takes the file of a manifest that can be trusted. */
  remember: (file: Buffer) => void;
  signal: AbortSignal;
}): Promise<ListedBackup | undefined> {
  const { entry, remember } = options;
  try {
    const { manifest, file } = await readManifestFile({ ...options, backupId: entry.backupId });
    remember(file);
    return { ...entry, manifest, problem: null };
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
