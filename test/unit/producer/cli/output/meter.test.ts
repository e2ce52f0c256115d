import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { type CliContext, createCliContext } from '../../../../../src/producer/cli/context.ts';
import { startMeter } from '../../../../../src/producer/cli/output/meter.ts';
import type { Progress } from '../../../../../src/shared/queues/progress.ts';

/** A context of `--json`, and the progress that was told with it. */
function jsonContext(): { context: CliContext; told: Progress[] } {
  const told: Progress[] = [];
  const stream = new Writable({
    write: (line: Buffer, _encoding, done) => {
      told.push(JSON.parse(line.toString()).progress);
      done();
    },
  });
  const host = {
    argv: [],
    env: {},
    stdout: stream,
    stderr: stream,
    signal: new AbortController().signal,
    startWorkerService: () => Promise.reject(new Error('no worker is needed')),
  };
  return { context: createCliContext({ host, configFile: undefined, server: undefined, json: true }), told };
}

describe('the meter of what this process does itself', () => {
  it('tells each phase at once, its bytes and rate every second, and nothing after it is done', (test) => {
    test.mock.timers.enable({ apis: ['setInterval'] });
    const { context, told } = jsonContext();
    const meter = startMeter(context, { name: 'shop', expectedBytes: 4_096 });
    meter.phase('check');
    meter.bytes(1_000);
    meter.bytes(24);
    test.mock.timers.tick(1_000);
    meter.bytes(512);
    test.mock.timers.tick(1_000);
    meter.phase('restore');
    meter.bytes(100);
    meter.done();
    test.mock.timers.tick(5_000);
    assert.deepEqual(
      told.map(({ phase, bytes, bytesPerSecond, expectedBytes }) => [
        phase,
        bytes,
        bytesPerSecond,
        expectedBytes,
      ]),
      [
        ['check', 0, 0, 4_096],
        ['check', 1_024, 1_024, 4_096],
        ['check', 1_536, 512, 4_096],
        ['restore', 0, 0, 4_096],
      ],
    );
  });
});
