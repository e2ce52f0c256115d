import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { StageFailure } from '../../../../src/pipeline/process/failure.ts';
import { startStages } from '../../../../src/pipeline/process/run.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';

const signal = new AbortController().signal;
const cat: Stage = { program: '/usr/bin/cat', args: [] };

/** A small program of the test's own, as the children of real tools are programs. */
function script(source: string): Stage {
  return { program: process.execPath, args: ['-e', source] };
}

function shell(source: string): Stage {
  return { program: '/bin/sh', args: ['-c', source] };
}

describe('stages joined by descriptors', () => {
  it('carry every byte from the first program to the last', async () => {
    const running = await startStages({
      stages: [shell('head -c 50000000 /dev/zero'), cat, cat],
      input: 'none',
      signal,
    });
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of running.output) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    assert.equal(bytes, 50_000_000);
    assert.equal(hash.digest('hex'), createHash('sha256').update(Buffer.alloc(50_000_000)).digest('hex'));
    await running.finished;
  });

  it('say of a program that could not be started that it has no exit code', async () => {
    const missing: Stage = { program: '/nowhere/pg_restore', args: [] };
    const running = await startStages({ stages: [missing], input: 'none', signal });
    running.output.resume();
    await assert.rejects(running.finished, (error) => {
      assert.ok(error instanceof StageFailure);
      assert.deepEqual(
        error.exits.map(({ code, stopped }) => [code, stopped]),
        [[null, false]],
      );
      assert.match(error.message, /^pg_restore could not be started: .*(No such file|ENOENT)/);
      return true;
    });
  });

  it('lose nothing when the first program writes long before the second one reads', async () => {
    // 30 runs in which the reader starts 50 ms after a writer that fills every buffer at once.
    const runs = Array.from({ length: 30 }, async () => {
      const slow = shell('sleep 0.05; exec cat');
      const running = await startStages({
        stages: [shell('head -c 3000000 /dev/zero'), slow],
        input: 'none',
        signal,
      });
      return (await buffer(running.output)).length;
    });
    assert.deepEqual(new Set(await Promise.all(runs)), new Set([3_000_000]));
  });

  it('pass input to the first program and end when it ends', async () => {
    const running = await startStages({ stages: [cat, shell('tr a-z A-Z')], input: 'pipe', signal });
    running.input?.end('from node');
    assert.equal((await buffer(running.output)).toString(), 'FROM NODE');
  });

  it('give a program only the environment that its stage names', async () => {
    process.env.CANARY_OF_THE_WORKER = 'leaked';
    const running = await startStages({
      stages: [{ ...shell('env'), env: { ONLY: 'this' } }],
      input: 'none',
      signal,
    });
    const environment = (await buffer(running.output)).toString();
    assert.match(environment, /^ONLY=this$/m);
    assert.doesNotMatch(environment, /leaked/);
  });
});

describe('the exit gate', () => {
  for (const [what, source] of [
    ['exits 7 after all its output', 'head -c 100000 /dev/zero; echo broken >&2; exit 7'],
    ['exits 7 without any output', 'exit 7'],
    ['is killed after half its output', 'head -c 100000 /dev/zero; kill -9 $$'],
  ] as const) {
    it(`never lets the output end when the first program ${what}`, async () => {
      const running = await startStages({ stages: [shell(source), cat], input: 'none', signal });
      await assert.rejects(buffer(running.output), StageFailure);
      await assert.rejects(running.finished, StageFailure);
    });
  }

  it('never lets the output end when the last program fails after closing its output', async () => {
    const running = await startStages({
      stages: [cat, shell('cat; exec >&-; sleep 0.1; exit 3')],
      input: 'pipe',
      signal,
    });
    running.input?.end('all of it');
    await assert.rejects(buffer(running.output), /sh exited with code 3/);
  });

  it('names the program that failed and its last words, not those it took down', async () => {
    const running = await startStages({
      stages: [shell('echo no space >&2; exit 5'), shell('sleep 60')],
      input: 'none',
      signal,
    });
    await assert.rejects(
      running.finished,
      (error: Error) => error instanceof StageFailure && error.message === 'sh exited with code 5: no space',
    );
  });

  it('fails for a program that does not exist', async () => {
    const running = await startStages({
      stages: [{ program: '/nonexistent/tool', args: [] }, cat],
      input: 'none',
      signal,
    });
    await assert.rejects(running.finished, StageFailure);
  });

  it('keeps a long stderr from blocking a program, and only its end', async () => {
    const running = await startStages({
      stages: [shell('head -c 2000000 /dev/zero | tr "\\0" x >&2; echo the end >&2; exit 1')],
      input: 'none',
      signal,
    });
    running.output.resume();
    const failure = await running.finished.catch((error: unknown) => error);
    assert.ok(failure instanceof StageFailure);
    assert.ok((failure.exits[0]?.stderr.length ?? 0) <= 4096);
    assert.match(failure.exits[0]?.stderr ?? '', /the end\n$/);
  });
});

describe('stopping', () => {
  it('ends every program and what it started, and gives the reason of the abort', async () => {
    const controller = new AbortController();
    const running = await startStages({
      stages: [shell('sleep 61 & echo $!; wait'), cat],
      input: 'none',
      signal: controller.signal,
    });
    const pid = Number((await firstChunk(running.output)).toString());
    controller.abort(new Error('enough'));
    await assert.rejects(running.finished, /enough/);
    await gone(pid);
  });

  it('kills a program that ignores SIGTERM once the grace is over', async () => {
    const controller = new AbortController();
    const stubborn = script(
      'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)',
    );
    const running = await startStages({
      stages: [stubborn],
      input: 'none',
      signal: controller.signal,
      grace: 50,
    });
    await firstChunk(running.output);
    controller.abort(new Error('enough'));
    await assert.rejects(running.finished, /enough/);
  });

  it('refuses to start anything once aborted', () =>
    assert.rejects(
      startStages({ stages: [cat], input: 'pipe', signal: AbortSignal.abort(new Error('too late')) }),
      /too late/,
    ));

  it('starts nothing when it is aborted while the pipes are made', async () => {
    const controller = new AbortController();
    const started = startStages({ stages: [cat, cat], input: 'none', signal: controller.signal });
    controller.abort(new Error('too late'));
    await assert.rejects(started, /too late/);
  });

  it('lets the last program end early when the caller says so, and takes the others down', async () => {
    const running = await startStages({
      stages: [shell('yes'), shell('head -n 1')],
      input: 'none',
      signal,
      partial: true,
    });
    assert.equal((await buffer(running.output)).toString(), 'y\n');
    await running.finished;
  });

  it('stops the programs when the reader gives up', async () => {
    const running = await startStages({ stages: [shell('yes')], input: 'none', signal });
    running.output.destroy();
    await assert.rejects(running.finished, StageFailure);
  });
});

async function firstChunk(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const next = await stream[Symbol.asyncIterator]().next();
  assert.equal(next.done, false);
  return next.value;
}

/** Waits until the kernel knows no such process, or only its remains. */
async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
