import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { attend } from '../../../../src/pipeline/process/attend.ts';
import { capture } from '../../../../src/pipeline/process/capture.ts';
import { StageFailure } from '../../../../src/pipeline/process/failure.ts';
import { startStages } from '../../../../src/pipeline/process/run.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';
import { withFolder } from '../../../support/folder.ts';
import { until } from '../../../support/until.ts';

const signal = new AbortController().signal;
const cat: Stage = { program: '/bin/cat', args: [] };

describe('programs that nobody needs any more', () => {
  it('are stopped when their reader gives up, though they have nothing to write just then', async () => {
    const silent: Stage = { program: '/bin/sleep', args: ['60'] };
    const running = await startStages({ stages: [silent, cat], input: 'none', signal });
    const asked = performance.now();
    running.output.destroy();
    await assert.rejects(running.finished);
    assert.ok(performance.now() - asked < 10_000);
  });

  it('are killed when one that they should feed cannot be started', async () => {
    // No other program of this machine sleeps for just so long.
    const duration = `60.${process.pid}`;
    const waiting: Stage = { program: '/bin/sleep', args: [duration] };
    const refused: Stage = { program: '/bin/echo', args: ['x'.repeat(8_000_000)] };
    await assert.rejects(startStages({ stages: [waiting, refused], input: 'none', signal }), {
      code: 'E2BIG',
    });
    await until('the program is gone', async () => !(await commandLines()).includes(duration));
  });
});

describe('what a program put into a process group of its own, out of reach', () => {
  // It holds the program's stdout and stderr, and its own number is the first that is written there.
  const leaving = `const { spawn } = require('node:child_process');
    const { pid } = spawn('/bin/sleep', ['600'], { detached: true, stdio: 'inherit' });
    console.log(pid);`;
  const stays: Stage = { program: process.execPath, args: ['-e', `${leaving} setInterval(() => {}, 1000);`] };
  const short = { grace: 50 };

  it('keeps no pipeline that is aborted from its end', () =>
    withEscape(async (found) => {
      const controller = new AbortController();
      const stages = [stays, cat];
      const running = await startStages({ stages, input: 'none', signal: controller.signal, ...short });
      await found(running.output);
      controller.abort(new Error('enough'));
      await assert.rejects(running.finished, /enough/);
    }));

  it('keeps no pipeline from failing, whose reader is told why', () =>
    withEscape(async (found) => {
      const failing: Stage = { program: '/bin/sh', args: ['-c', 'sleep 1; exit 3'] };
      const running = await startStages({ stages: [failing, stays], input: 'none', signal, grace: 50 });
      await assert.rejects(found(running.output, 'to its end'), StageFailure);
      await assert.rejects(running.finished, /sh exited with code 3/);
    }));

  it('keeps no short program from its end, nor one that is attended', () =>
    withEscape(async (found) => {
      const begun = `${leaving} setInterval(() => {}, 1000);`;
      for (const start of [attendUntil, captureUntil]) {
        await withFolder(async (folder) => {
          const path = join(folder, 'pid');
          const controller = new AbortController();
          const script = begun.replace('console.log(pid)', `fs.writeFileSync('${path}', pid + '\\n')`);
          const ended = start({ program: process.execPath, args: ['-e', script] }, controller.signal);
          const rejected = assert.rejects(ended, /enough/);
          await until('it runs', () =>
            readFile(path, 'utf8').then(
              (text) => text.endsWith('\n'),
              () => false,
            ),
          );
          await found(Readable.from([await readFile(path)]));
          controller.abort(new Error('enough'));
          await rejected;
        });
      }
    }));
});

const attendUntil = (stage: Stage, stop: AbortSignal): Promise<unknown> => attend(stage, stop);
const captureUntil = (stage: Stage, stop: AbortSignal): Promise<unknown> =>
  capture(stage, { signal: stop, maxBytes: 1024, letGo: true });

/** Ends, in the end, each process whose number was read. */
async function withEscape(
  use: (found: (output: Readable, how?: 'to its end') => Promise<void>) => Promise<void>,
): Promise<void> {
  const pids: number[] = [];
  try {
    await use(async (output, how) => {
      for await (const chunk of output.iterator({ destroyOnReturn: false })) {
        pids.push(Number(String(chunk)));
        if (how === undefined) return;
      }
    });
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  }
}

async function commandLines(): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'args']);
  return stdout;
}
