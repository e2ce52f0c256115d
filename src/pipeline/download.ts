import { mkdir, rmdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { BackupDataError, hasCode } from '../shared/errors.ts';
import type { Manifest, ManifestPart } from '../shared/manifest.ts';
import { databaseFolder } from './catalog/keys.ts';
import type { Codec } from './codec/codec.ts';
import { guardedFile } from './file/failure.ts';
import { type Sink, type WrittenFile, writeNewFiles } from './file/new-files.ts';
import { decodeTo } from './part/decode.ts';
import { checkPart, openPart } from './part/read.ts';
import { StageFailure } from './process/failure.ts';
import { errnoOf, unless } from './storage/local-failure.ts';
import type { Storage } from './storage/storage.ts';

export interface DownloadRequest {
  manifest: Manifest;
  storage: Storage;
  /** What decodes the parts; null leaves them as they are stored, which needs neither tools nor keys. */
  codecs: readonly Codec[] | null;
  signal: AbortSignal;
  /** Stored bytes that were read. */
  onBytes: (count: number) => void;
}

/**
 * Every part into a folder, made if it is absent: as it is stored, every volume a file of its own by its stored name, so
 * that RESTORE.md works in that folder; decoded, every part a file by the part's name. All of the files or none.
 */
export async function downloadFolder(
  request: DownloadRequest & { folder: string; randomText: () => string },
): Promise<WrittenFile[]> {
  const { manifest, codecs, folder } = request;
  const made = await makeFolder(folder);
  const pieces = manifest.parts.flatMap((part) => (codecs ? [{ name: part.name, part }] : volumesOf(part)));
  const files = pieces.map(({ name, part }) => ({
    path: join(folder, name),
    write: (sink: Sink) => deliver(request, part, sink),
  }));
  try {
    return await writeNewFiles(files, request);
  } catch (error) {
    if (made) await rmdir(folder).catch(() => undefined);
    throw error;
  }
}

/** One part into a file that must not be there yet. */
export function downloadFile(
  request: DownloadRequest & { part: ManifestPart; path: string; randomText: () => string },
): Promise<WrittenFile[]> {
  const { part, path } = request;
  return writeNewFiles([{ path, write: (sink) => deliver(request, part, sink) }], request);
}

/**
 * One part to whoever reads as it comes. Its end is held back until its hash was right; only that this resolves says
 * that what was given out is the part.
 */
export function downloadStream(request: DownloadRequest & { part: ManifestPart; sink: Sink }): Promise<void> {
  return deliver(request, request.part, request.sink);
}

/** OBJECT_NOT_FOUND, naming the parts there are. */
export function partByName({ backupId, parts }: Manifest, name: string): ManifestPart {
  const found = parts.find((part) => part.name === name);
  if (found) return found;
  throw new BackupDataError('OBJECT_NOT_FOUND', `backup ${backupId} has no part "${name}"`, {
    hint: `It has ${parts.map((part) => part.name).join(', ')}.`,
  });
}

function volumesOf(part: ManifestPart): { name: string; part: ManifestPart }[] {
  return part.volumes.map((volume) => ({ name: basename(volume.key), part: { ...part, volumes: [volume] } }));
}

async function deliver(request: DownloadRequest, part: ManifestPart, sink: Sink): Promise<void> {
  const { manifest, storage, codecs, signal, onBytes } = request;
  const source = { storage, folder: databaseFolder(manifest.database), signal, onBytes };
  const give = async (stream: Readable): Promise<void> => {
    for await (const chunk of stream as AsyncIterable<Buffer>) await sink(chunk);
  };
  if (codecs === null) return give(openPart({ ...source, part }));
  try {
    await decodeTo({ ...source, codecs }, part, give);
  } catch (error) {
    if (!(error instanceof StageFailure) && !hasCode(error, 'IDENTITY_MISSING')) throw error;
    // A decoder trips over damage, or takes it for another key's, before the hash at the volume's end tells of it.
    await checkPart({ ...source, onBytes: () => undefined, part });
    throw error instanceof StageFailure ? notDecoded(part, error) : error;
  }
}

function notDecoded({ name }: ManifestPart, failure: StageFailure): BackupDataError {
  return new BackupDataError('INTERNAL', `part ${name} could not be decoded: ${failure.message}`, {
    hint: 'Its stored bytes are whole: try again, or download it as it is stored, without --decode.',
    cause: failure,
  });
}

/** Whether it was made. The folder above must be there: that one absent may mean a disk that is not mounted. */
async function makeFolder(folder: string): Promise<boolean> {
  return guardedFile(folder, async () => {
    const found = await unless(['ENOENT'], stat(folder));
    if (found?.isDirectory()) return false;
    if (found) {
      throw new BackupDataError('TARGET_EXISTS', `${folder} is a file, and all parts go into a folder`, {
        hint: 'Name a folder, or one part with --part.',
      });
    }
    try {
      await mkdir(folder, { mode: 0o700 });
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
  });
}
