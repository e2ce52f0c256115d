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
  const tail = await openTailStage(machineTools());
  try {
    const running = await startStages({
      stages: [shell(before), tail.stage, shell(after)],
      input: 'none',
      signal,
    });
    const [output] = await Promise.allSettled([text(running.output), running.finished]);
    return { output, last: tail.last() };
  } finally {
    tail.close();
  }
}

const never = new AbortController().signal;

describe('the stage that keeps the end of what passes', () => {
  it('passes everything on, and keeps the last 4 KiB', async () => {
    const { output, last } = await run({ before: 'seq 1 200000; echo the end' });
    const expected = `${Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('')}the end\n`;
    assert.ok(output.status === 'fulfilled' && output.value === expected);
    assert.equal(last.toString(), expected.slice(-4096));
  });

  it('keeps the end of what comes in small pieces, and of binary data', async () => {
    const { output, last } = await run({
      before: 'for i in 1 2 3 4 5 6; do printf "%01000d" $i; sleep 0.02; done; printf "\\000\\377\\012"',
      after: 'od -An -v -tx1 | tail -n 1',
    });
    assert.ok(output.status === 'fulfilled' && / 00 ff 0a\n$/.test(output.value));
    assert.equal(last.length, 4096);
    assert.deepEqual([...last.subarray(-4)], [0x36, 0, 0xff, 0x0a]);
  });

  it('keeps all of what is shorter, and nothing of nothing', async () => {
    assert.equal((await run({ before: 'printf abc' })).last.toString(), 'abc');
    assert.equal((await run({ before: ':' })).last.toString(), '');
  });

  it('ends with its neighbours, and leaves no file behind', async () => {
    const before = readdirSync(tmpdir());
    const { output } = await run({ before: 'yes', after: 'head -c 100000 >/dev/null; exit 3' });
    assert.equal(output.status, 'rejected');
    const stop = new AbortController();
    const aborted = run({ before: 'sleep 1000' }, stop.signal);
    setImmediate(() => stop.abort(new Error('enough')));
    await aborted.then(
      ({ output: none }) => assert.equal(none.status, 'rejected'),
      (error) => assert.equal(error.message, 'enough'),
    );
    assert.deepEqual(readdirSync(tmpdir()), before);
  });
});
