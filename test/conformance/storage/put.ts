import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { hasCode } from '../../../src/shared/errors.ts';
import { until } from '../../support/until.ts';
import {
  assertNothing,
  bodyOf,
  check,
  heldBody,
  keysOf,
  readObject,
  type StorageImplementation,
} from './subject.ts';

const mebibyte = 1024 * 1024;
/** More than one part of any multipart upload, so that an unfinished one exists. */
const large = 17 * mebibyte;

export function putTests(implementation: StorageImplementation): void {
  for (const size of [0, 1, 5 * mebibyte]) {
    check(
      implementation,
      `stores ${size} bytes and gives back the same`,
      async ({ storage, signal, random, unfinished }) => {
        const content = random.bytes(size);
        const before = Date.now();
        const stored = await storage.put('shop/data/a.zst', bodyOf(content), { signal });
        assert.deepEqual([stored.key, stored.bytes], ['shop/data/a.zst', size]);
        // A store's clock counts whole seconds, and need not agree with ours to the last of them.
        assert.ok(Math.abs(stored.modifiedAt.getTime() - before) < 60_000, stored.modifiedAt.toISOString());
        assert.ok(content.equals(await readObject(storage, stored.key, signal)));
        assert.equal((await storage.stat(stored.key, signal)).bytes, size);
        assert.deepEqual(await Array.fromAsync(storage.list('', signal), ({ key, bytes }) => [key, bytes]), [
          [stored.key, size],
        ]);
        assert.deepEqual(await unfinished(), []);
      },
    );
  }

  check(implementation, 'stores bytes as it does a stream', async (subject) => {
    const { storage, signal, random, unfinished } = subject;
    for (const size of [0, 1, 5 * mebibyte]) {
      const key = `shop/catalog/${size}.json`;
      const content = random.bytes(size);
      const stored = await storage.put(key, new Uint8Array(content), { signal, ifAbsent: true });
      assert.deepEqual([stored.key, stored.bytes], [key, size]);
      assert.ok(content.equals(await readObject(storage, key, signal)));
      await assert.rejects(storage.put(key, content, { signal, ifAbsent: true }), (error) =>
        hasCode(error, 'OBJECT_EXISTS'),
      );
    }
    assert.deepEqual(await unfinished(), []);
  });

  check(
    implementation,
    'stores a body of many parts whole, in chunks that fit none of them',
    async ({ storage, signal, random, unfinished }) => {
      for (const size of [8 * mebibyte - 1, 8 * mebibyte, 8 * mebibyte + 1, large]) {
        const content = random.bytes(size);
        const stored = await storage.put('many', bodyOf(content, 1 + random.below(300_000)), { signal });
        assert.equal(stored.bytes, size);
        assert.ok(content.equals(await readObject(storage, 'many', signal)), `${size} bytes`);
        assert.deepEqual(await unfinished(), []);
      }
    },
  );

  check(
    implementation,
    'tells one content of a key from another, in a listing as by itself',
    async ({ storage, signal }) => {
      const versions: unknown[] = [];
      for (const content of ['one', 'two', 'six']) {
        const { version } = await storage.put('a', Buffer.from(content), { signal });
        assert.equal((await storage.stat('a', signal)).version, version);
        const [listed] = await Array.fromAsync(storage.list('', signal));
        assert.equal(listed?.version, version);
        if (version !== undefined) versions.push(version);
      }
      assert.equal(new Set(versions).size, versions.length);
    },
  );

  check(
    implementation,
    'keeps thousands of chunks of odd sizes whole and in order',
    async ({ storage, signal, random }) => {
      const chunks = Array.from({ length: 5000 }, () => random.bytes(1 + random.below(700)));
      const content = Buffer.concat(chunks);
      const stored = await storage.put('odd', Readable.from(chunks, { objectMode: false }), { signal });
      assert.equal(stored.bytes, content.byteLength);
      assert.ok(content.equals(await readObject(storage, 'odd', signal)));
    },
  );

  check(implementation, 'leaves nothing of a body that fails, and reports its failure', async (subject) => {
    const { storage, signal, random } = subject;
    const failure = new Error('the dump exited with 7');
    for (const size of [0, mebibyte, large]) {
      const content = random.bytes(size);
      const body = Readable.from(
        (async function* () {
          yield* bodyOf(content);
          throw failure;
        })(),
        { objectMode: false },
      );
      await assert.rejects(storage.put('shop/data/a.zst', body, { signal }), (error) => error === failure);
      await assertNothing(subject, 'shop/data/a.zst', signal);
    }
  });

  check(
    implementation,
    'leaves nothing of a body that is destroyed without an error before its end',
    async (subject) => {
      const { storage, signal, random, unfinished } = subject;
      const { body } = heldBody(random.bytes(large));
      const put = storage.put('shop/data/a.zst', body, { signal });
      const refused = assert.rejects(put);
      await until('the put is under way', async () => (await unfinished()).length > 0);
      body.destroy();
      await refused;
      await assertNothing(subject, 'shop/data/a.zst', signal);
    },
  );

  check(implementation, 'leaves nothing of a body that was over before the put', async (subject) => {
    const { storage, signal } = subject;
    const failure = new Error('the dump never started');
    await assert.rejects(
      storage.put('early/error', new Readable().destroy(failure), { signal }),
      (error) => error === failure,
    );
    await assert.rejects(storage.put('early/close', new Readable().destroy(), { signal }));
    await assertNothing(subject, 'early/error', signal);
    await assertNothing(subject, 'early/close', signal);
  });

  check(implementation, 'stops with the reason of the signal and leaves nothing', async (subject) => {
    const { storage, random, unfinished, signal } = subject;
    const controller = new AbortController();
    const { body } = heldBody(random.bytes(large));
    const reason = new Error('the run was cancelled');
    const put = storage.put('shop/data/a.zst', body, { signal: controller.signal });
    const refused = assert.rejects(put, (error) => error === reason);
    await until('the put is under way', async () => (await unfinished()).length > 0);
    controller.abort(reason);
    await refused;
    assert.ok(body.destroyed, 'the body is left open');
    await assertNothing(subject, 'shop/data/a.zst', signal);
  });

  check(implementation, 'does not start when the signal has aborted', async (subject) => {
    const reason = new Error('cancelled before');
    const body = bodyOf(Buffer.from('x'));
    const put = subject.storage.put('a', body, { signal: AbortSignal.abort(reason) });
    await assert.rejects(put, (error) => error === reason);
    assert.ok(body.destroyed, 'the body is left open');
    await assertNothing(subject, 'a', subject.signal);
  });

  check(implementation, 'shows no object while it is being written', async (subject) => {
    const { storage, random, unfinished, signal } = subject;
    const content = random.bytes(large);
    const { body, release } = heldBody(content);
    const put = storage.put('shop/data/a.zst', body, { signal });
    await until('the put is under way', async () => (await unfinished()).length > 0);
    assert.deepEqual(await keysOf(storage, '', signal), []);
    await assert.rejects(storage.stat('shop/data/a.zst', signal));
    release();
    assert.equal((await put).bytes, content.byteLength);
    assert.ok(content.equals(await readObject(storage, 'shop/data/a.zst', signal)));
  });

  check(
    implementation,
    'keeps the object that a failed put was to replace',
    async ({ storage, signal, unfinished }) => {
      const first = Buffer.from('first');
      await storage.put('a', bodyOf(first), { signal });
      const { body } = heldBody(Buffer.from('second'));
      const put = storage.put('a', body, { signal });
      body.destroy(new Error('no'));
      await assert.rejects(put);
      assert.ok(first.equals(await readObject(storage, 'a', signal)));
      assert.deepEqual(await unfinished(), []);
    },
  );
}
