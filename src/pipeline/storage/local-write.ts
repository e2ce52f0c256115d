import type { Stats } from 'node:fs';
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BackupDataError } from '../../shared/errors.ts';
import { errnoOf, guarded, type LocalPlace } from './local-failure.ts';
import { makeFolders, makeRoot, removeEmptyFolders, syncFolders } from './local-paths.ts';
import { createFileSink } from './local-sink.ts';

/** Another process may remove a folder as empty just before the first file is made in it. */
const folderAttempts = 10;

export interface ObjectWrite {
  place: LocalPlace;
  key: string;
  /** Where the object goes, and the file in the same folder that holds it until then. */
  path: string;
  unfinished: string;
  body: Readable;
  ifAbsent: boolean;
  signal: AbortSignal;
}

/** Writes all of the body to a new object, durably, or leaves nothing. OBJECT_EXISTS with `ifAbsent` when the key is taken. */
export async function writeObject(write: ObjectWrite): Promise<Stats> {
  const { place, path, unfinished } = write;
  try {
    await guarded(place, () => makeRoot(place.root));
    const written = await fill(write);
    write.signal.throwIfAborted();
    await guarded(place, () => publish(write));
    return written;
  } catch (error) {
    // The failure that brought us here is the one to report; what cannot be removed now is for sweep.
    await rm(unfinished, { force: true }).catch(() => undefined);
    await removeEmptyFolders(place.root, dirname(path));
    throw error;
  }
}

async function fill(write: ObjectWrite): Promise<Stats> {
  const { place, unfinished, body, signal } = write;
  await using handle = await guarded(place, () => openUnfinished(write));
  const file = createFileSink(place, handle);
  await pipeline(body, file.sink, { signal });
  return await guarded(place, async () => {
    await file.settle();
    await handle.sync();
    const written = await handle.stat();
    if (written.size === file.bytes()) return written;
    throw new BackupDataError(
      'STORAGE_UNAVAILABLE',
      `the storage ${place.storage} holds ${written.size} of the ${file.bytes()} bytes written to ${unfinished}`,
      { hint: 'Check the disk or mount that holds it.' },
    );
  });
}

async function openUnfinished({ place, path, key, unfinished }: ObjectWrite): Promise<FileHandle> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await makeFolders(place.root, dirname(path));
      return await open(unfinished, 'wx', 0o600);
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (code === 'ENOTDIR' || code === 'EEXIST') throw keyConflict(key, error);
      if (code !== 'ENOENT' || attempt === folderAttempts) throw error;
    }
  }
}

/** A file system holds no object `a` beside an object `a/b`. Our stored format never asks for both. */
function keyConflict(key: string, cause: unknown): BackupDataError {
  return new BackupDataError(
    'KEY_INVALID',
    `the key "${key}" cannot be used: it needs a folder where an object is, or the reverse`,
    {
      hint: 'Use another name, or remove what is in its way.',
      cause,
    },
  );
}

/** Gives the whole file its name. `link` refuses a name that is taken; `rename` would replace it silently. */
async function publish({ place, key, path, unfinished, ifAbsent }: ObjectWrite): Promise<void> {
  try {
    await (ifAbsent ? link(unfinished, path) : rename(unfinished, path));
  } catch (error) {
    throw await publishFailure(key, path, error);
  }
  try {
    await syncFolders(place.root, dirname(path));
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
  if (ifAbsent) await rm(unfinished, { force: true }).catch(() => undefined);
}

async function publishFailure(key: string, path: string, error: unknown): Promise<unknown> {
  const code = errnoOf(error) ?? '';
  if (['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(code)) return noLinks(path, error);
  if (!['EEXIST', 'EISDIR', 'ENOTEMPTY'].includes(code)) return error;
  if ((await stat(path)).isDirectory()) return keyConflict(key, error);
  return new BackupDataError('OBJECT_EXISTS', `the object ${key} exists already`, {
    hint: 'Objects are written once; read what is there.',
    cause: error,
  });
}

function noLinks(path: string, cause: unknown): BackupDataError {
  return new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `the file system of ${path} has no hard links, which decide who commits a backup`,
    {
      hint: 'Put the storage on a file system with hard links: a local disk or an NFS mount, for example.',
      cause,
    },
  );
}
