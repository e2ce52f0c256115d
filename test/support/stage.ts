import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Stage } from '../../src/pipeline/process/stage.ts';
import { withUnnamedFiles } from '../../src/pipeline/process/unnamed-files.ts';

export interface StageResult {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** Runs one program with `input` as its stdin. A null stage gives its input back. The program may stop reading early. */
export async function runStage(stage: Stage | null, input: Iterable<Uint8Array>): Promise<StageResult> {
  if (stage === null) return { code: 0, stdout: Buffer.concat([...input]), stderr: '' };
  const child = withUnnamedFiles(stage.files ?? [], (files) =>
    spawn(stage.program, stage.args, { env: { ...stage.env }, stdio: ['pipe', 'pipe', 'pipe', ...files] }),
  ) as ChildProcessWithoutNullStreams;
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined);
  Readable.from(input, { objectMode: false }).pipe(child.stdin);
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  return { code: await code, stdout, stderr: stderr.toString() };
}
