import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, readdirSync, readSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { closePipes, takePipes } from '../../../../src/pipeline/process/pipes.ts';

describe('pipes', () => {
  it('cannot be made without mkfifo, which is said', async () => {
    const before = process.env.PATH;
    process.env.PATH = '/nowhere';
    try {
      await assert.rejects(takePipes(1), { code: 'TOOL_MISSING', message: /^mkfifo is not installed/ });
    } finally {
      process.env.PATH = before;
    }
  });

  it('are of the kernel, different from each other and without a name', async () => {
    const before = readdirSync(tmpdir());
    const taken = await Promise.all(Array.from({ length: 12 }, () => takePipes(3)));
    assert.deepEqual(readdirSync(tmpdir()), before);
    const pipes = taken.flat();
    assert.equal(new Set(pipes.flatMap(({ read, write }) => [read, write])).size, 72);
    for (const { read, write } of pipes) assert.ok(fstatSync(read).isFIFO() && fstatSync(write).isFIFO());
    for (const [index, { write }] of pipes.entries()) writeSync(write, `to ${index}`);
    for (const [index, { read }] of pipes.entries()) {
      const bytes = Buffer.alloc(100);
      assert.equal(bytes.toString('utf8', 0, readSync(read, bytes)), `to ${index}`);
    }
    closePipes(pipes);
    for (const { read } of pipes) assert.throws(() => fstatSync(read), { code: 'EBADF' });
  });

  it('wait for a writer that is slow, and end with it', async () => {
    const [pipe] = await takePipes(1);
    assert.ok(pipe);
    const reader = spawn('cat', { stdio: [pipe.read, 'pipe', 'inherit'] });
    const writer = spawn('sh', ['-c', 'sleep 0.1; echo late'], { stdio: ['ignore', pipe.write, 'inherit'] });
    const ended = once(writer, 'close');
    closePipes([pipe]);
    assert.ok(reader.stdout);
    assert.equal(await text(reader.stdout), 'late\n');
    await ended;
  });

  it('are not handed to programs that were not given one', async () => {
    const pipes = await takePipes(3);
    const listing = spawn('ls', ['-l', '/dev/fd/'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const descriptors = await text(listing.stdout);
    closePipes(pipes);
    assert.match(descriptors, / 1 -> /);
    assert.doesNotMatch(descriptors, /backupdata-work-/);
  });
});
