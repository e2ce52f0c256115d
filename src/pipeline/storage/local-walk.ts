import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isKey } from './key.ts';
import { unless } from './local-failure.ts';
import { absent, assertRoot, finishedName, locate } from './local-paths.ts';

/** A plain file below the root: an object, or an unfinished one that was to become `key`. */
export interface WalkedFile {
  key: string;
  path: string;
  unfinished: boolean;
}

/**
 * Every file whose key starts with `prefix`, objects in byte order of their keys. Holds the names of one folder per
 * level at a time. What cannot be a key (a symbolic link, a name that is not printable ASCII) is passed over.
 */
export async function* walk(root: string, prefix: string, signal: AbortSignal): AsyncGenerator<WalkedFile> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') await locate(root, folder.slice(0, -1));
  yield* walkFolder({ root, folder, prefix, signal });
}

async function* walkFolder(step: {
  root: string;
  folder: string;
  prefix: string;
  signal: AbortSignal;
}): AsyncGenerator<WalkedFile> {
  const { root, folder, prefix, signal } = step;
  const entries = await unless(absent, readdir(join(root, folder), { withFileTypes: true }));
  signal.throwIfAborted();
  if (!entries) return assertRoot(root);
  const found = entries
    .flatMap((entry) => describeEntry(folder, entry))
    .filter((each) => each.key.startsWith(prefix));
  // A folder sorts by its name and a slash: that is where its keys stand among those of its neighbours.
  for (const each of found.sort((left, right) => (left.key < right.key ? -1 : 1))) {
    if (each.key.endsWith('/')) yield* walkFolder({ ...step, folder: each.key });
    else yield { key: each.key, path: join(root, folder, each.name), unfinished: each.unfinished };
  }
}

function describeEntry(folder: string, entry: Dirent): { key: string; name: string; unfinished: boolean }[] {
  const { name } = entry;
  const finished = finishedName(name);
  if (!isKey(finished ?? name)) return [];
  if (entry.isFile())
    return [{ key: `${folder}${finished ?? name}`, name, unfinished: finished !== undefined }];
  // An ext file system keeps lost+found at its root, readable by root only; it would make every listing fail.
  if (!entry.isDirectory() || finished !== undefined || (folder === '' && name === 'lost+found')) return [];
  return [{ key: `${folder}${name}/`, name, unfinished: false }];
}
