import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { BackupDataError, hasCode } from '../shared/errors.ts';
import type { ManifestPart, ManifestVolume } from '../shared/manifest.ts';
import { findManifest, findManifestFile, type ManifestFile } from './catalog/catalog.ts';
import { commitFile } from './catalog/commit.ts';
import { claimStorage } from './catalog/installation.ts';
import { attemptFolder, databaseFolder, pinKey } from './catalog/keys.ts';
import { clearPrunedMark, isPresent, renewPrunedMark } from './catalog/pruned.ts';
import { readVolume } from './part/read.ts';
import { asFault, createSources, type Fault, type Sources } from './part/sources.ts';
import type { Storage } from './storage/storage.ts';
import { removeAttempt } from './sweep.ts';

export interface CopyRequest {
  /** The backup, by its manifest as one of the storages holds it. */
  source: ManifestFile;
  /** Where it is read, in this order: what is damaged or missing in one is taken from the next. */
  from: readonly Storage[];
  to: Storage;
  installation: string;
  /** Whether `to` may be another installation's. */
  shared: boolean;
  signal: AbortSignal;
  clock: () => Date;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  /** Whether no other copy of this backup can be under way there, so that what a failed one left may be removed. */
  isAlone: () => Promise<boolean>;
  /** Stored bytes that were moved; called for every chunk, so it must be cheap. */
  onBytes: (count: number) => void;
}

export interface CopyOutcome {
  /** Stored bytes of the volumes that were missing there; 0 when all were there already. */
  bytes: number;
  /** What was not read from the first storage, and why. */
  notes: readonly string[];
}

/**
 * Copies one committed backup to another storage: every volume as it is, hashed on the way, then the manifest to the
 * byte. A volume whose bytes are wrong in every storage fails with OBJECT_DAMAGED and is not stored; nothing is
 * committed before the last byte was hashed. A pin goes along, verifications do not: each storage is proven for itself.
 * OBJECT_EXISTS when another manifest of that id is there. On failure nothing is left, or `sweep` finds it later; what
 * was there before stays. One that is committed there already gets the volumes that are missing or of another size:
 * bytes that rotted are for `verify` to find.
 */
export async function copy(request: CopyRequest): Promise<CopyOutcome> {
  await claimStorage({ ...request, storage: request.to });
  if (await isThere(request)) return mend(request);
  // What is there before the first byte is written may be all that is left of a backup that was retired or lost its manifest.
  const isFirst = (await volumesThere(request)).size === 0;
  const state: CopyState = { commitBegun: false };
  try {
    return await moveAndCommit(request, state);
  } catch (error) {
    if (isFirst) await leaveNothing(request, state);
    throw error;
  }
}

async function isThere({ source, to, signal }: CopyRequest): Promise<boolean> {
  const { backupId } = source.manifest;
  const there = await findManifestFile({ storage: to, backupId, signal }).catch((error: unknown) => {
    if (!hasCode(error, 'MANIFEST_INVALID') && !hasCode(error, 'FORMAT_UNSUPPORTED')) throw error;
    throw conflict(to, backupId, error.message);
  });
  if (there) refuseAnother(source, there, to);
  return there !== undefined;
}

/** Moves what a backup that is committed there has lost, as far as its listing tells. */
async function mend(request: CopyRequest): Promise<CopyOutcome> {
  const { source, from, to, signal } = request;
  const sources = createSources(from);
  await copyPin(request);
  const bytes = await moveVolumes(request, sources, await volumesThere(request));
  await clearPrunedMark({ storage: to, backupId: source.manifest.backupId, signal });
  return { bytes, notes: sources.notes() };
}

interface CopyState {
  /** Whether the manifest was sent: it may still arrive, and needs its parts; what is left is then for the sweep. */
  commitBegun: boolean;
}

async function moveAndCommit(request: CopyRequest, state: CopyState): Promise<CopyOutcome> {
  const { source, from, to, signal, clock, wait } = request;
  const { backupId, bytes } = source.manifest;
  const sources = createSources(from);
  // Retired there before, it is wanted again: the grace of its parts must not end while they are moved.
  await renewPrunedMark({ storage: to, backupId, retiredAt: clock(), signal });
  await moveVolumes(request, sources, new Map());
  await moveVolumes(request, sources, await volumesThere(request));
  await copyPin(request);
  state.commitBegun = true;
  const committed = await commitFile({ storage: to, backupId, file: source.file, signal, wait });
  refuseAnother(source, committed, to);
  // A sweep, or another copy that failed, may have removed a volume just before the manifest could hold it.
  await moveVolumes(request, sources, await volumesThere(request));
  // Not before: the mark holds the manifest, which is all that makes a backup of those parts should this copy fail.
  await clearPrunedMark({ storage: to, backupId, signal });
  return { bytes, notes: sources.notes() };
}

/** Moves every volume that is not among those `there` with its size; gives how many bytes. */
async function moveVolumes(
  request: CopyRequest,
  sources: Sources,
  there: ReadonlyMap<string, number>,
): Promise<number> {
  const { manifest } = request.source;
  let bytes = 0;
  for (const part of manifest.parts) {
    for (const volume of part.volumes) {
      if (there.get(databaseFolder(manifest.database) + volume.key) === volume.bytes) continue;
      await sources.choose(part, (storage) => moveVolume(request, storage, { part, volume }));
      bytes += volume.bytes;
    }
  }
  return bytes;
}

/** Every object of the backup that the target holds, with its size. */
async function volumesThere({ source, to, signal }: CopyRequest): Promise<ReadonlyMap<string, number>> {
  const { manifest } = source;
  const there = new Map<string, number>();
  const prefix = databaseFolder(manifest.database) + attemptFolder(manifest);
  for await (const { key, bytes } of to.list(prefix, signal)) there.set(key, bytes);
  return there;
}

/** What is wrong with the storage that it was read from, if anything is; then nothing was stored. */
async function moveVolume(
  { source, to, signal, onBytes }: CopyRequest,
  storage: Storage,
  { part, volume }: { part: ManifestPart; volume: ManifestVolume },
): Promise<Fault | undefined> {
  const folder = databaseFolder(source.manifest.database);
  const read = readable(readVolume({ storage, folder, part, signal, onBytes }, volume));
  try {
    const stored = await to.put(folder + volume.key, read.body, { signal });
    if (stored.bytes === volume.bytes) return undefined;
    throw new BackupDataError(
      'STORAGE_UNAVAILABLE',
      `storage ${to.name} holds ${stored.bytes} bytes of ${volume.key}, ${volume.bytes} were sent`,
    );
  } catch (error) {
    signal.throwIfAborted();
    const failure = read.failure();
    if (failure === undefined) throw error;
    return asFault(failure, signal);
  }
}

/** The chunks as a stream, and what failed in reading them: it must be told apart from what failed in writing. */
function readable(chunks: AsyncGenerator<Buffer>): { body: Readable; failure: () => unknown } {
  let failure: unknown;
  const next = () =>
    chunks.next().catch((error: unknown) => {
      failure = error;
      throw error;
    });
  const observed = async function* () {
    try {
      for (let chunk = await next(); !chunk.done; chunk = await next()) yield chunk.value;
    } finally {
      await chunks.return(undefined);
    }
  };
  const body = Readable.from(observed(), { objectMode: false, highWaterMark: 1 << 20 });
  return { body, failure: () => failure };
}

/** One that is there already stays as it is. */
async function copyPin({ source, from, to, signal }: CopyRequest): Promise<void> {
  const key = pinKey(source.manifest.backupId);
  const pin = await readFirst(from, key, signal);
  if (pin && !(await isPresent(to, key, signal))) await to.put(key, pin, { signal });
}

/** The object from the first storage that has it and can be read. */
async function readFirst(
  storages: readonly Storage[],
  key: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  for (const storage of storages) {
    try {
      return await buffer(await storage.get(key, { signal }));
    } catch (error) {
      asFault(error, signal);
    }
  }
  return undefined;
}

/** Committed backups are never replaced, not even by what is said to be the same one. */
function refuseAnother(source: ManifestFile, there: ManifestFile, to: Storage): void {
  if (there.file.equals(source.file)) return;
  const { backupId } = source.manifest;
  throw conflict(to, backupId, `it is of attempt ${there.manifest.attemptId}, and its bytes differ`);
}

function conflict(to: Storage, backupId: string, reason: string): BackupDataError {
  return new BackupDataError(
    'OBJECT_EXISTS',
    `storage ${to.name} holds another manifest of ${backupId}, which is not replaced: ${reason}`,
    {
      hint: `Find out which one is right; when it is not that of storage ${to.name}, remove that file and copy again.`,
    },
  );
}

/** Milliseconds that are given to removing what a failed copy left. */
const cleaningTime = 30_000;

/**
 * Removes what a failed copy stored, unless it may be needed: by its manifest, or by another copy that is under way.
 * Never throws; the failure that led here is the one to report.
 */
async function leaveNothing({ source, to, isAlone }: CopyRequest, { commitBegun }: CopyState): Promise<void> {
  const { backupId, attemptId, database } = source.manifest;
  const signal = AbortSignal.timeout(cleaningTime);
  try {
    if (!(await Promise.race([isAlone(), rejectAt(signal)]))) return;
    const there = await findManifest({ storage: to, backupId, signal });
    if (there?.attemptId === attemptId || (commitBegun && !there)) return;
    await removeAttempt({
      storage: to,
      database: { name: database },
      backupId,
      attemptId,
      context: { signal },
    });
    if (!there) await to.remove([pinKey(backupId)], signal);
  } catch {
    // The storage is gone; a later sweep finds the orphans.
  }
}

function rejectAt(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
}
