import { fstat, fsync, write } from 'node:fs';
import { promisify } from 'node:util';
import { fileFailure } from '../../../pipeline/file/failure.ts';
import type { Sink } from '../../../pipeline/file/new-files.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { OutputStream } from '../host.ts';

/** Stdout for bytes of which none may be missing. */
export interface StdoutSink {
  write: Sink;
  /** Resolves once the system holds all of it; that of a file is on the disk then. */
  finish(): Promise<void>;
}

/**
 * A chunk that was given is with the system, or `write` throws: CANCELLED when the reader has gone, the signal's reason
 * when it aborts while the reader is slow.
 */
export async function openStdoutSink(stdout: OutputStream, signal: AbortSignal): Promise<StdoutSink> {
  const { fd } = stdout;
  if (fd !== undefined && (await promisify(fstat)(fd)).isFile()) return fileSink(fd);
  return { write: (chunk) => writeToStream(stdout, chunk, signal), finish: async () => undefined };
}

/** Node's own stream to a file takes a short write for a whole one: on a full disk bytes would be lost without a word. */
function fileSink(fd: number): StdoutSink {
  return {
    write: async (chunk) => {
      for (let rest = chunk; rest.length > 0; ) {
        const { bytesWritten } = await guarded(() => promisify(write)(fd, rest));
        rest = rest.subarray(bytesWritten);
      }
    },
    finish: () => guarded(() => promisify(fsync)(fd)),
  };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFailure('the standard output', error);
  }
}

function writeToStream(stdout: OutputStream, chunk: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    stdout.write(chunk, (error) => {
      signal.removeEventListener('abort', abort);
      if (error) reject(streamFailure(error));
      else resolve();
    });
    if (signal.aborted) abort();
  });
}

function streamFailure(error: NodeJS.ErrnoException): unknown {
  if (error.code !== 'EPIPE') return fileFailure('the standard output', error);
  return new BackupDataError('CANCELLED', 'the program that reads the output ended before it had all of it', {
    hint: 'See what it says; or name a file with -o PATH.',
    cause: error,
  });
}
