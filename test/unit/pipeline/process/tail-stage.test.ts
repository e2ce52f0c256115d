import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { startStages } from '../../../../src/pipeline/process/run.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';
import { openTailStage } from '../../../../src/pipeline/process/tail-stage.ts';
import { machineTools } from '../../../support/tools.ts';

const shell = (source: string): Stage => ({
  program: '/bin/sh',
  args: ['-c', source],
  env: { PATH: '/usr/bin:/bin' },
});

/** Runs `before | tail stage | after`, and gives what came out of it and the end that it kept. */
async function run({ before, after = 'cat' }: { before: string; after?: string }, signal = never) {
  const tail = await openTailStage(machineTools(), signal);
  const running = startStages({ stages: [shell(before), tail.stage, shell(after)], input: 'none', signal });
  tail.started();
  const [output] = await Promise.allSettled([text(running.output), running.finished]);
  return { output, last: tail.last() };
}

const never = new AbortController().signal;

describe('the stage that keeps the end of what passes', () => {
  it('passes everything on, and keeps the last 4 KiB', async () => {
    const { output, last } = await run({ before: 'seq 1 200000; echo the end' });
    const expected = `${Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('')}the end\n`;
    assert.ok(output.status === 'fulfilled' && output.value === expected);
    assert.equal((await last).toString(), expected.slice(-4096));
  });

  it('keeps all of what is shorter, and nothing of nothing', async () => {
    assert.equal((await (await run({ before: 'printf abc' })).last).toString(), 'abc');
    assert.equal((await (await run({ before: ':' })).last).toString(), '');
  });

  it('ends with its neighbours, and leaves no file behind', async () => {
    const before = readdirSync(tmpdir());
    const { output, last } = await run({ before: 'yes', after: 'head -c 100000 >/dev/null; exit 3' });
    assert.equal(output.status, 'rejected');
    await last.catch(() => undefined);
    const stop = new AbortController();
    const aborted = run({ before: 'sleep 1000' }, stop.signal);
    setImmediate(() => stop.abort(new Error('enough')));
    await aborted.then(
      ({ last: end }) => end.catch(() => undefined),
      () => undefined,
    );
    assert.deepEqual(readdirSync(tmpdir()), before);
  });
});
