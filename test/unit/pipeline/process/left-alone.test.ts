import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startStages } from '../../../../src/pipeline/process/run.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';
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

async function commandLines(): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'args']);
  return stdout;
}
