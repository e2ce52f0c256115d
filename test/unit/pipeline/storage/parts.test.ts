import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { type BodyPart, createPartReader } from '../../../../src/pipeline/storage/parts.ts';
import { chooseSeed, createSeeded } from '../../../support/seeded.ts';
import { until } from '../../../support/until.ts';

const partSize = 1_000;
const { signal } = new AbortController();

describe('a body that is cut into parts', () => {
  it('gives parts of exactly one size and the rest, whatever its chunks are', async (context) => {
    const random = createSeeded(chooseSeed());
    context.diagnostic(`TEST_SEED=${random.seed}`);
    for (const size of [0, 1, partSize - 1, partSize, partSize + 1, 3 * partSize, 7 * partSize + 13]) {
      for (const chunk of [1, 7, partSize, 5 * partSize]) {
        const content = random.bytes(size);
        const parts = await partsOf(bodyOf(content, chunk));
        const lengths = parts.map(({ length }) => length);
        const whole = Math.ceil(size / partSize);
        assert.equal(parts.length, Math.max(1, whole), `${size} bytes in chunks of ${chunk}`);
        assert.ok(lengths.slice(0, -1).every((length) => length === partSize));
        assert.ok(content.equals(Buffer.concat(parts)));
      }
    }
  });

  it('uses a buffer again once its part was released, and none before', async () => {
    const reader = createPartReader({ body: bodyOf(Buffer.alloc(10 * partSize), 64), partSize, signal });
    const held: BodyPart[] = [];
    for (let count = 0; count < 5; count += 1) held.push(await reader.next());
    const buffers = new Set(held.map(({ bytes }) => bytes.buffer));
    assert.equal(buffers.size, 5);
    for (const part of held) part.release();
    for (let count = 0; count < 5; count += 1) {
      const part = await reader.next();
      assert.ok(buffers.has(part.bytes.buffer), 'it took another buffer');
      part.release();
    }
  });

  it('takes little memory for a body that is small', async () => {
    const reader = createPartReader({
      body: bodyOf(Buffer.alloc(5_000), 100),
      partSize: 8 * 2 ** 20,
      signal,
    });
    const { bytes, last } = await reader.next();
    assert.ok(last);
    assert.equal(bytes.length, 5_000);
    assert.ok(bytes.buffer.byteLength < 100_000, `${bytes.buffer.byteLength} bytes`);
  });

  it('throws the error of the body, before and after its first part', async () => {
    const failure = new Error('the dump exited with 7');
    const failed = createPartReader({ body: new Readable().destroy(failure), partSize, signal });
    await assert.rejects(failed.next(), (error) => error === failure);
    const body = new Readable({ read: () => undefined });
    const reader = createPartReader({ body, partSize, signal });
    body.push(Buffer.alloc(partSize + 1));
    assert.equal((await reader.next()).last, false);
    const next = assert.rejects(reader.next(), (error) => error === failure);
    body.destroy(failure);
    await next;
  });

  it('fails for a body that is destroyed before its end without an error', async () => {
    const body = new Readable({ read: () => undefined });
    const reader = createPartReader({ body, partSize, signal });
    const next = assert.rejects(reader.next(), /destroyed before its end/);
    body.destroy();
    await next;
  });

  it('stops at once when the signal aborts, though the source is stuck', async () => {
    const controller = new AbortController();
    const reason = new Error('the run was cancelled');
    let asked = false;
    const stuck = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        asked = true;
        await new Promise(() => undefined);
      })(),
      { objectMode: false },
    );
    const reader = createPartReader({ body: stuck, partSize, signal: controller.signal });
    const next = assert.rejects(reader.next(), (error) => error === reason);
    await until('the source is stuck', () => asked);
    controller.abort(reason);
    await next;
    await assert.rejects(reader.next(), (error) => error === reason);
    stuck.destroy();
  });
});

function bodyOf(content: Buffer, chunk: number): Readable {
  const chunks = Array.from({ length: Math.ceil(content.length / chunk) }, (_, index) =>
    content.subarray(index * chunk, (index + 1) * chunk),
  );
  return Readable.from(chunks, { objectMode: false });
}

async function partsOf(body: Readable): Promise<Buffer[]> {
  const reader = createPartReader({ body, partSize, signal });
  const parts: Buffer[] = [];
  for (;;) {
    const { bytes, last, release } = await reader.next();
    parts.push(Buffer.from(bytes));
    release();
    if (last) return parts;
  }
}
