import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupDataError } from '../../shared/errors.ts';
import { capture } from './capture.ts';
import { startChild } from './child.ts';
import { StageFailure, succeeded } from './failure.ts';
import type { Stage } from './stage.ts';
import type { Tools } from './tools.ts';

/** How much of the end is kept. */
export const tailBytes = 4096;

/** A stage for the middle of a pipeline that passes everything on, and remembers the end of it. */
export interface TailStage {
  stage: Stage;
  /** To be called once the stage was started, or will not be. Harmless twice. */
  started(): void;
  /** The last bytes that passed, once the stage has ended. Throws StageFailure when they could not be kept. */
  last(): Promise<Buffer>;
}

/**
 * `tee` hands a copy to `tail`, so that the bytes stay in the system's pipes. TOOL_MISSING where one of the programs is
 * not installed.
 */
export async function openTailStage(tools: Tools, signal: AbortSignal): Promise<TailStage> {
  const [tee, tail] = await Promise.all([need(tools, 'tee'), need(tools, 'tail')]);
  const { reader, writer } = await openPipe(tools, signal);
  const close = once(() => closeSync(writer));
  try {
    const child = startChild({ program: tail, args: ['-c', String(tailBytes)] }, [reader, 'pipe', 'pipe']);
    const chunks: Buffer[] = [];
    child.process.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    return {
      stage: { program: tee, args: ['/dev/fd/3'], descriptors: [writer] },
      started: close,
      last: async () => {
        const exit = await child.closed;
        if (!succeeded(exit)) throw new StageFailure([exit]);
        return Buffer.concat(chunks);
      },
    };
  } catch (error) {
    close();
    throw error;
  } finally {
    closeSync(reader);
  }
}

/** A pipe of the system: a program can open one by its /dev/fd, and cannot open the sockets that Node makes. */
async function openPipe(tools: Tools, signal: AbortSignal): Promise<{ reader: number; writer: number }> {
  const mkfifo = await need(tools, 'mkfifo');
  const directory = mkdtempSync(join(tmpdir(), 'backupdata-pipe-'));
  try {
    const path = join(directory, 'pipe');
    const made = await capture({ program: mkfifo, args: ['-m', '600', path] }, { signal, maxBytes: 4096 });
    if (!succeeded(made)) throw new StageFailure([made]);
    // While one descriptor can do both, neither of the others waits for its peer to be opened.
    const both = openSync(path, constants.O_RDWR);
    try {
      return { reader: openSync(path, constants.O_RDONLY), writer: openSync(path, constants.O_WRONLY) };
    } finally {
      closeSync(both);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function need(tools: Tools, program: string): Promise<string> {
  const path = await tools.find(program);
  if (path !== undefined) return path;
  throw new BackupDataError(
    'TOOL_MISSING',
    `${program} is not installed, and the end of a dump is read by it`,
    {
      hint: 'Install coreutils, or add their folder to tools.path in the configuration.',
    },
  );
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
