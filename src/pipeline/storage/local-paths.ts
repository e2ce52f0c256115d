import type { Stats } from 'node:fs';
import { mkdir, open, realpath, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assertKey, invalidKey, unfinishedSuffix } from './key.ts';
import { errnoOf, unless } from './local-failure.ts';

export const absent: readonly string[] = ['ENOENT', 'ENOTDIR'];

/**
 * The path of a key below `root`. KEY_INVALID when the key breaks a rule, or when a symbolic link below the root
 * would lead it anywhere else: objects are plain files in plain folders, and nothing is read or written outside.
 */
export async function locate(root: string, key: string): Promise<string> {
  assertKey(key);
  const realRoot = await realPathOf(root);
  if (realRoot === undefined) return join(root, key);
  for (let known = key; known !== '.'; known = dirname(known)) {
    const real = await realPathOf(join(root, known));
    if (real === undefined) continue;
    if (real !== join(realRoot, known))
      throw invalidKey(key, 'a symbolic link in the storage leads it elsewhere');
    break;
  }
  return join(root, key);
}

/** Where the bytes of an object are written until they are whole: in its own folder, so that a rename suffices. */
export function unfinishedPath(path: string, random: string): string {
  const at = path.lastIndexOf('/') + 1;
  return `${path.slice(0, at)}.${path.slice(at)}.${random}${unfinishedSuffix}`;
}

/** The name of the object that an unfinished file of our own was to become; undefined for any other file name. */
export function finishedName(name: string): string | undefined {
  return /^\.(.+)\.[a-z0-9]+\.bkd-tmp$/.exec(name)?.[1];
}

/** Makes the storage's own folder, but not the one above it: that one absent means a volume that is not mounted. */
export async function makeRoot(root: string): Promise<void> {
  await unless(['EEXIST'], mkdir(root, { mode: 0o700 }));
  assertFolder(root, await stat(root));
}

/** The root may be absent, but not together with the folder above it: its objects would be taken for lost. */
export async function assertRoot(root: string): Promise<void> {
  assertFolder(root, (await unless(['ENOENT'], stat(root))) ?? (await stat(dirname(root))));
}

function assertFolder(path: string, found: Stats): void {
  if (!found.isDirectory())
    throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR', syscall: 'stat' });
}

/**
 * Makes the folders between the root, which must be there, and an object. One by one, because Node's recursive mkdir
 * reports a disk that is read-only as a folder that is missing.
 */
export async function makeFolders(root: string, folder: string): Promise<void> {
  if (folder === root) return;
  const make = (): Promise<unknown> => unless(['EEXIST'], mkdir(folder, { mode: 0o700 }));
  try {
    await make();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await makeFolders(root, dirname(folder));
    await make();
  }
}

/** Makes a folder's entry, and those of all folders above it up to the root, survive a power cut. */
export async function syncFolders(root: string, folder: string): Promise<void> {
  await syncFolder(folder);
  if (folder === root) await syncFolder(dirname(root));
  else await syncFolders(root, dirname(folder));
}

/** Removes folders that are empty, from `folder` up to but never including the root. A folder in use just stays. */
export async function removeEmptyFolders(root: string, folder: string): Promise<void> {
  if (folder === root) return;
  try {
    await rmdir(folder);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') return;
  }
  await removeEmptyFolders(root, dirname(folder));
}

/** Makes the names in a folder survive a power cut. It may not be ours to open; some network file systems know no sync of a folder. */
export async function syncFolder(folder: string): Promise<void> {
  await unless(['EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP'], openAndSync(folder));
}

async function openAndSync(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

function realPathOf(path: string): Promise<string | undefined> {
  return unless(absent, realpath(path));
}
