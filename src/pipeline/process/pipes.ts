import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BackupDataError } from '../../shared/errors.ts';
import { openTemporaryFolder } from '../file/temporary-folder.ts';

const run = promisify(execFile);

/** A pipe of the kernel: two descriptors of this process, which no program gets unless it is handed one. */
export interface Pipe {
  read: number;
  write: number;
}

/** Made in advance, because a program is started for each batch. */
const ready: Pipe[] = [];
const batch = 8;
let making: Promise<void> | undefined;

/**
 * Pipes that nothing else has. Node would join programs by sockets, which take a tenth more time for a dump that is written in
 * small pieces, and it can make no pipe: `mkfifo` makes some by name, and no name is left when they are given away.
 * TOOL_MISSING where there is no `mkfifo`.
 */
export async function takePipes(count: number): Promise<readonly Pipe[]> {
  while (ready.length < count) {
    making ??= makeReady().finally(() => {
      making = undefined;
    });
    await making;
  }
  return ready.splice(0, count);
}

/** Closes this process's descriptors. Only once they are, a program that reads comes to an end. */
export function closePipes(pipes: readonly Pipe[]): void {
  for (const { read, write } of pipes) {
    closeSync(read);
    closeSync(write);
  }
}

async function makeReady(): Promise<void> {
  const folder = await openTemporaryFolder({ bytes: 0, now: new Date() });
  try {
    const paths = Array.from({ length: batch }, (_, index) => join(folder.path, String(index)));
    await run('mkfifo', ['-m', '600', ...paths]).catch(explain);
    ready.push(...paths.map(openBoth));
  } finally {
    await folder.remove();
  }
}

/** A side is opened at once where the other one is open; the first reader is not waited for because it says so. */
function openBoth(path: string): Pipe {
  const first = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const write = openSync(path, constants.O_WRONLY);
    return { write, read: openSync(path, constants.O_RDONLY) };
  } finally {
    closeSync(first);
  }
}

function explain(cause: NodeJS.ErrnoException): never {
  if (cause.code === 'ENOENT')
    throw new BackupDataError('TOOL_MISSING', 'mkfifo is not installed, and programs are joined by it', {
      hint: 'Install it (on Debian `apt-get install coreutils`), and see that the PATH of this process has its folder.',
      cause,
    });
  throw new BackupDataError('INTERNAL', `no pipe can be made: ${cause.message}`, { cause });
}
