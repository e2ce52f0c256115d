import { lstat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { BackupDataError } from '../../shared/errors.ts';
import { assertKey, assertPrefix } from './key.ts';
import { guarded, type LocalPlace, localFailure, notFound, unless } from './local-failure.ts';
import { absent, locate, removeEmptyFolders, unfinishedPath } from './local-paths.ts';
import { readRange } from './local-read.ts';
import { type WalkedFile, walk } from './local-walk.ts';
import { writeObject } from './local-write.ts';
import type { Storage, StoredObject } from './storage.ts';

const describedAhead = 32;

export interface LocalStorageOptions {
  name: string;
  /** The root; made by the first put when the folder above it exists. */
  path: string;
  /** 8 or more of a-z0-9, new at every call: tells unfinished files of one object apart. */
  randomText: () => string;
}

/**
 * A folder as a storage. Objects are files of mode 0600 in folders of mode 0700; an absent root is an empty storage, unless
 * the folder above it is absent too.
 * A file system cannot hold an object `a` beside an object `a/b`; the second is refused with KEY_INVALID. It tells no
 * versions: time, size and inode of a file may be the same although its bytes are not.
 */
export function createLocalStorage({ name, path, randomText }: LocalStorageOptions): Storage {
  const place: LocalPlace = { storage: name, root: resolve(path) };
  return {
    name,
    fence: 'conditional',
    put: (key, body, options) => put(place, key, asStream(body), { ...options, random: randomText() }),
    get: (key, options) => get(place, key, options),
    stat: async (key, signal) => (await find(place, key, signal)).object,
    list: (prefix, signal) => list(place, prefix, signal),
    remove: (keys, signal) => guarded(place, () => remove(place, keys, signal)),
    sweep: (prefix, olderThan, signal) => guarded(place, () => sweep(place, prefix, olderThan, signal)),
  };
}

async function put(
  place: LocalPlace,
  key: string,
  body: Readable,
  { signal, ifAbsent = false, random }: { signal: AbortSignal; ifAbsent?: boolean; random: string },
): Promise<StoredObject> {
  // Before the first wait: a body may fail while no pipeline listens to it yet, and that must not end the process.
  body.on('error', () => undefined);
  try {
    signal.throwIfAborted();
    const path = await guarded(place, () => locate(place.root, key));
    const unfinished = unfinishedPath(path, random);
    const written = await writeObject({ place, key, path, unfinished, body, ifAbsent, signal });
    return { key, bytes: written.size, modifiedAt: written.mtime };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    body.destroy();
  }
}

function asStream(body: Readable | Uint8Array): Readable {
  return body instanceof Readable ? body : Readable.from([body], { objectMode: false });
}

async function get(
  place: LocalPlace,
  key: string,
  { signal, offset = 0, length }: { signal: AbortSignal; offset?: number; length?: number },
): Promise<Readable> {
  const { path, object } = await find(place, key, signal);
  const end = length === undefined ? object.bytes : offset + length;
  if (offset < 0 || end < offset || end > object.bytes) throw outOfRange({ object, offset, end });
  return readRange({ place, key, path, start: offset, end, signal });
}

async function find(
  place: LocalPlace,
  key: string,
  signal: AbortSignal,
): Promise<{ path: string; object: StoredObject }> {
  signal.throwIfAborted();
  const path = await guarded(place, () => locate(place.root, key));
  const object = await guarded(place, () => describeFile(key, path));
  signal.throwIfAborted();
  if (!object) throw notFound(place, key);
  return { path, object };
}

async function* list(place: LocalPlace, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
  signal.throwIfAborted();
  assertPrefix(prefix);
  try {
    for await (const object of described(walk(place.root, prefix, signal))) {
      signal.throwIfAborted();
      if (object) yield object;
    }
  } catch (error) {
    throw localFailure(place, error);
  }
}

/** In their order, some of them described ahead: most of the time of a listing is that of many small waits. */
async function* described(files: AsyncIterable<WalkedFile>): AsyncGenerator<StoredObject | undefined> {
  const ahead: Promise<StoredObject | undefined>[] = [];
  for await (const { key, path, unfinished } of files) {
    if (unfinished) continue;
    const object = describeFile(key, path);
    // Whoever stops listening before its turn must not end the process with its failure.
    object.catch(() => undefined);
    ahead.push(object);
    if (ahead.length === describedAhead) yield ahead.shift();
  }
  yield* ahead;
}

async function remove(place: LocalPlace, keys: readonly string[], signal: AbortSignal): Promise<void> {
  keys.forEach(assertKey);
  for (const key of keys) {
    signal.throwIfAborted();
    const path = await locate(place.root, key);
    await unless([...absent, 'EISDIR'], unlink(path));
    await removeEmptyFolders(place.root, dirname(path));
  }
}

async function sweep(
  place: LocalPlace,
  prefix: string,
  olderThan: Date,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  assertPrefix(prefix);
  let removed = 0;
  for await (const { key, path, unfinished } of walk(place.root, prefix, signal)) {
    const file = unfinished ? await describeFile(key, path) : undefined;
    if (!file || file.modifiedAt >= olderThan) continue;
    await unless(absent, unlink(path));
    await removeEmptyFolders(place.root, dirname(path));
    removed += 1;
  }
  return removed;
}

/** Undefined when there is no plain file, also because it went away a moment ago. */
async function describeFile(key: string, path: string): Promise<StoredObject | undefined> {
  const stats = await unless(absent, lstat(path));
  return stats?.isFile() ? { key, bytes: stats.size, modifiedAt: stats.mtime } : undefined;
}

function outOfRange(range: { object: StoredObject; offset: number; end: number }): BackupDataError {
  const { object, offset, end } = range;
  return new BackupDataError(
    'OBJECT_DAMAGED',
    `the object ${object.key} has ${object.bytes} bytes, not the range ${offset} to ${end}`,
    {
      hint: 'It is shorter than its manifest says: use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
    },
  );
}
