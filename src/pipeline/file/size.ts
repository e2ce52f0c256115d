import { lstat } from 'node:fs/promises';
import { unless } from '../storage/local-failure.ts';
import { absent } from '../storage/local-paths.ts';
import { guardedFile } from './failure.ts';

/** Bytes of what bears that name, itself and not what it links to; undefined when nothing does. */
export async function sizeIfThere(path: string): Promise<number | undefined> {
  return (await guardedFile(path, () => unless(absent, lstat(path))))?.size;
}
