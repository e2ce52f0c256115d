import { lstat, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unless } from '../storage/local-failure.ts';
import { absent, syncFolder } from '../storage/local-paths.ts';
import { guardedFile } from './failure.ts';

/** Bytes of what has that name; undefined when nothing has. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await guardedFile(path, () => unless(absent, lstat(path))))?.size;
}

/** Those that are there of the files called like another, with a suffix. */
export async function siblingsOf(path: string, suffixes: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    suffixes.map(async (suffix) => ((await sizeOf(path + suffix)) === undefined ? [] : [path + suffix])),
  );
  return found.flat();
}

/**
 * Does the work while a file's siblings are out of the way, where `aside` says (on the same disk). They stay there; but where
 * something fails they come back.
 */
export async function withoutSiblings<T>(
  { path, suffixes, aside }: { path: string; suffixes: readonly string[]; aside: string },
  work: () => Promise<T>,
): Promise<T> {
  const moved: { from: string; to: string }[] = [];
  try {
    for (const from of await siblingsOf(path, suffixes)) {
      const to = aside + from.slice(path.length);
      await guardedFile(path, () => rename(from, to));
      moved.push({ from, to });
    }
    // What the work does must not survive a power cut that this does not.
    if (moved.length > 0) await guardedFile(path, () => syncFolder(dirname(path)));
    return await work();
  } catch (error) {
    for (const { from, to } of moved) await rename(to, from);
    throw error;
  }
}
