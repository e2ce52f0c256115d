import { createHash } from 'node:crypto';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BackupDataError } from '../../shared/errors.ts';
import { unless } from '../storage/local-failure.ts';
import { absent, syncFolder, unfinishedPath } from '../storage/local-paths.ts';
import { guardedFile } from './failure.ts';

/** Takes bytes in their order; resolves once they are out of this process's hands. */
export type Sink = (chunk: Buffer) => Promise<void>;

export interface NewFile {
  /** Absolute. Its folder must be there. */
  path: string;
  /** Gives all bytes of the file, or throws. */
  write(sink: Sink): Promise<void>;
}

export interface WrittenFile {
  path: string;
  bytes: number;
  sha256: string;
}

/**
 * Writes files that appear all together or not at all: each under another name in its folder, durably, and once all are
 * whole each gets its own. TARGET_EXISTS, before anything is written, when one of the names is taken. Mode 0600.
 */
export async function writeNewFiles(
  files: readonly NewFile[],
  { randomText }: { randomText: () => string },
): Promise<WrittenFile[]> {
  await refuseTaken(files);
  const random = randomText();
  const pending = files.map((file) => ({ ...file, unfinished: unfinishedPath(file.path, random) }));
  try {
    const written: WrittenFile[] = [];
    for (const file of pending) written.push(await fill(file));
    await publish(pending);
    return written;
  } catch (error) {
    // The failure that brought us here is the one to report.
    for (const { unfinished } of pending) await rm(unfinished, { force: true }).catch(() => undefined);
    throw error;
  }
}

type PendingFile = NewFile & { unfinished: string };

async function refuseTaken(files: readonly NewFile[]): Promise<void> {
  for (const { path } of files) {
    const found = await guardedFile(path, () => unless(absent, lstat(path)));
    if (!found) continue;
    const what = found.isDirectory() ? 'is a folder' : 'exists already';
    throw new BackupDataError('TARGET_EXISTS', `${path} ${what}; nothing is written over`, {
      hint: 'Name another place, or remove what is there.',
    });
  }
}

async function fill({ path, unfinished, write }: PendingFile): Promise<WrittenFile> {
  await using handle = await guardedFile(path, () => open(unfinished, 'wx', 0o600));
  const hash = createHash('sha256');
  let bytes = 0;
  await write(async (chunk) => {
    await guardedFile(path, () => handle.writeFile(chunk));
    hash.update(chunk);
    bytes += chunk.length;
  });
  await guardedFile(path, () => handle.sync());
  const { size } = await handle.stat();
  if (size !== bytes) {
    throw new BackupDataError(
      'STORAGE_UNAVAILABLE',
      `${path} holds ${size} of the ${bytes} bytes written to it`,
      {
        hint: 'Check the disk or mount that holds it.',
      },
    );
  }
  return { path, bytes, sha256: hash.digest('hex') };
}

/** `rename` replaces silently, so it is looked again first; `link` would not, but memory sticks have no links. */
async function publish(files: readonly PendingFile[]): Promise<void> {
  await refuseTaken(files);
  const named: string[] = [];
  try {
    for (const { path, unfinished } of files) {
      await guardedFile(path, () => rename(unfinished, path));
      named.push(path);
    }
    const folders = new Set(files.map(({ path }) => dirname(path)));
    for (const folder of folders) await guardedFile(folder, () => syncFolder(folder));
  } catch (error) {
    for (const path of named) await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}
