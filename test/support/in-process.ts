import { join } from 'node:path';
import { Writable } from 'node:stream';
import { runCli } from '../../src/producer/cli/cli.ts';
import type { CommandResult, Installation } from './installation.ts';

/**
 * Runs one command of an installation in this process: for tables of so many commands that a process for each would
 * take minutes. With `isTTY` its stdout is a terminal.
 */
export async function runInProcess(
  installation: Pick<Installation, 'env' | 'path'> & { isTTY?: boolean },
  ...argv: string[]
): Promise<CommandResult> {
  const [stdout, stderr] = [collect(), collect()];
  const code = await runCli({
    argv,
    env: { ...installation.env, BACKUPDATA_CONFIG: join(installation.path, 'backupdata.yaml') },
    stdout: Object.assign(stdout.stream, { isTTY: installation.isTTY ?? false }),
    stderr: stderr.stream,
    signal: new AbortController().signal,
    startWorkerService: () => Promise.reject(new Error('a worker needs a process of its own')),
  });
  return {
    code,
    stdout: stdout.text(),
    stderr: stderr.text(),
    json: <T>() => JSON.parse(stdout.text()) as T,
  };
}

function collect(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}
