import { basename } from 'node:path';
import { BackupDataError } from '../../shared/errors.ts';
import { startChild } from './child.ts';
import type { StageExit } from './failure.ts';
import { letGoAtExit } from './let-go.ts';
import type { Stage } from './stage.ts';

/** How a short program ended, and what it wrote. */
export interface Captured extends StageExit {
  stdout: Buffer;
}

export interface CaptureOptions {
  signal: AbortSignal;
  maxBytes: number;
  /** Nothing when absent. */
  input?: Buffer;
  /** Whether what the program leaves running is left alone; else it is waited for while it holds the output open. */
  letGo?: boolean;
}

/**
 * Runs a short program to its end and keeps its output. An exit code other than 0 is the caller's to judge. Throws the
 * signal's reason when the signal aborts, and INTERNAL when the program writes more than `maxBytes` bytes; it and all
 * that it started are killed before.
 */
export async function capture(
  stage: Stage,
  { signal, maxBytes, input, letGo = false }: CaptureOptions,
): Promise<Captured> {
  signal.throwIfAborted();
  const child = startChild(stage, ['pipe', 'pipe', 'pipe']);
  if (letGo) letGoAtExit(child.process, signal);
  const kill = (): void => child.stop('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const stdout = keepUpTo(maxBytes, kill);
  child.process.stdout?.on('data', stdout.add);
  // A program may end without reading all of its input; its exit code says whether that was right.
  child.process.stdin?.on('error', () => undefined);
  child.process.stdin?.end(input);
  const exit = await child.closed;
  signal.removeEventListener('abort', kill);
  signal.throwIfAborted();
  if (stdout.overflowed()) {
    throw new BackupDataError('INTERNAL', `${basename(stage.program)} wrote more than ${maxBytes} bytes`);
  }
  return { ...exit, stdout: stdout.bytes() };
}

function keepUpTo(limit: number, onOverflow: () => void) {
  const chunks: Buffer[] = [];
  let length = 0;
  return {
    add: (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else onOverflow();
    },
    overflowed: (): boolean => length > limit,
    bytes: (): Buffer => Buffer.concat(chunks),
  };
}
