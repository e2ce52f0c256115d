import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupDataError } from '../../shared/errors.ts';
import type { Secret } from '../../shared/secret.ts';

/**
 * Calls `use` with a descriptor of a file for each content. No file has a name by the time the secret is written to it, so
 * the last process that holds it takes it along, however that dies. Synchronous, because stages are started in one block;
 * this process's descriptors are closed whatever happens.
 */
export function withUnnamedFiles<T>(
  contents: readonly Secret[],
  use: (descriptors: readonly number[]) => T,
): T {
  const descriptors: number[] = [];
  try {
    for (const content of contents) {
      const descriptor = openUnnamed();
      descriptors.push(descriptor);
      writeAll(descriptor, Buffer.from(content.reveal()));
    }
    return use(descriptors);
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/**
 * An empty file without a name, to write and to read. A pipe would have no name either, but Node's are sockets, and Linux
 * does not open a socket by its /dev/fd.
 */
export function openUnnamed(): number {
  const directory = makeDirectory();
  try {
    return openSync(join(directory, 'file'), 'wx+', 0o600);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function makeDirectory(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'backupdata-unnamed-'));
  } catch (cause) {
    throw new BackupDataError('INTERNAL', `no temporary file can be made below ${tmpdir()}`, {
      hint: 'Set TMPDIR to a folder that this process can write to: a secret key is handed to age in a file without a name.',
      cause,
    });
  }
}

/** At given places: where /dev/fd shares the descriptor's own place in the file, the program must find it at the beginning. */
function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(descriptor, bytes, done, bytes.length - done, done);
}
