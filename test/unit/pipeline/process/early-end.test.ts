import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { startStages } from '../../../../src/pipeline/process/run.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';

const signal = new AbortController().signal;

/** Whether an endless writer ends by SIGPIPE or by an error of its own is a matter of chance: several tries see both. */
const tries = 8;

function shell(source: string): Stage {
  return { program: '/bin/sh', args: ['-c', source] };
}

describe('a last program that reads no more', () => {
  it('is left to its own end where it may end early, though the others fail before', async () => {
    for (let count = 0; count < tries; count += 1) {
      const last = shell('head -c 100000 > /dev/null; exec < /dev/null; sleep 0.05; echo whole');
      const running = await startStages({
        stages: [shell('exec yes'), last],
        input: 'none',
        signal,
        partial: true,
      });
      assert.equal((await buffer(running.output)).toString(), 'whole\n');
      await running.finished;
    }
  });

  it('is named with its own words when it failed, though it was killed for the failure of the others', async () => {
    for (let count = 0; count < tries; count += 1) {
      const last = shell('head -c 100000 > /dev/null; echo "sh: error: enough" >&2; exit 3');
      const stages = [shell('exec yes'), last];
      const running = await startStages({ stages, input: 'none', signal, stopWith: 'SIGKILL' });
      running.output.resume();
      await assert.rejects(running.finished, { message: /sh exited with code 3: sh: error: enough$/ });
    }
  });

  it('has failed where it must read all, though it says that all is well', async () => {
    for (let count = 0; count < tries; count += 1) {
      const stages = [shell('exec yes'), shell('head -c 100000 > /dev/null')];
      const running = await startStages({ stages, input: 'none', signal, stopWith: 'SIGKILL' });
      running.output.resume();
      await assert.rejects(running.finished, {
        name: 'StageFailure',
        message: 'sh ended with code 0 before it had read all of its input',
      });
    }
  });

  it('is not killed when it has closed its input and is about to end', async () => {
    const last = shell('head -c 100000 > /dev/null; exec <&-; sleep 0.1; exit 0');
    const stages = [shell('exec yes'), last];
    const running = await startStages({ stages, input: 'none', signal, stopWith: 'SIGKILL' });
    running.output.resume();
    await assert.rejects(running.finished, {
      message: 'sh ended with code 0 before it had read all of its input',
    });
  });

  it('has failed when it is this process that writes to it', async () => {
    for (let count = 0; count < tries; count += 1) {
      const running = await startStages({
        stages: [shell('head -c 100000 > /dev/null')],
        input: 'pipe',
        signal,
      });
      running.output.resume();
      running.input?.write(Buffer.alloc(10_000_000));
      running.input?.end();
      await assert.rejects(running.finished, {
        name: 'StageFailure',
        message: 'sh ended with code 0 before it had read all of its input',
      });
    }
  });

  it('has not when it read all that it was given, and did not wait for the end', async () => {
    for (let count = 0; count < tries; count += 1) {
      const running = await startStages({ stages: [shell('exec head -c 1000000')], input: 'pipe', signal });
      running.input?.end(Buffer.alloc(1_000_000));
      assert.equal((await buffer(running.output)).length, 1_000_000);
      await running.finished;
    }
  });
});

describe('a last program that fails because its input is cut off', () => {
  it('is not all that is told: whoever cut it off may end a moment later', async () => {
    const first = shell('exec >&-; sleep 0.1; echo "sh: error: the server is gone" >&2; exit 3');
    const last = shell('cat > /dev/null; echo "sh: error: too short" >&2; exit 1');
    const running = await startStages({ stages: [first, last], input: 'none', signal });
    running.output.resume();
    await assert.rejects(running.finished, {
      message: /^sh exited with code 3: .*the server is gone; sh exited with code 1: .*too short$/,
    });
  });
});
