import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { hasCode } from '../../../src/shared/errors.ts';
import { bodyOf, check, type StorageImplementation } from './subject.ts';

const size = 3_000_000;

export function getTests(implementation: StorageImplementation): void {
  check(implementation, 'gives exactly the range that was asked for', async ({ storage, signal, random }) => {
    const content = random.bytes(size);
    await storage.put('a', bodyOf(content), { signal });
    const drawn = Array.from({ length: 10 }, () => {
      const offset = random.below(size);
      return { offset, length: 1 + random.below(size - offset) };
    });
    const edges = [
      { offset: 0, length: 1 },
      { offset: size - 1, length: 1 },
      { offset: 0, length: size },
    ];
    for (const range of [...edges, ...drawn, { offset: 7 }, { length: 7 }, { offset: 7, length: 0 }]) {
      const { offset = 0, length = size - offset } = range;
      const got = await buffer(await storage.get('a', { ...range, signal }));
      assert.ok(content.subarray(offset, offset + length).equals(got), JSON.stringify(range));
    }
  });

  check(
    implementation,
    'refuses a range past the end instead of giving less',
    async ({ storage, signal }) => {
      await storage.put('a', bodyOf(Buffer.alloc(100)), { signal });
      await storage.put('empty', bodyOf(Buffer.alloc(0)), { signal });
      const ranges = [
        { offset: 0, length: 101 },
        { offset: 99, length: 2 },
        { offset: 101 },
        { offset: 200, length: 1 },
      ];
      for (const range of ranges) {
        await assert.rejects(storage.get('a', { ...range, signal }), (error) =>
          hasCode(error, 'OBJECT_DAMAGED'),
        );
      }
      await assert.rejects(storage.get('empty', { length: 1, signal }), (error) =>
        hasCode(error, 'OBJECT_DAMAGED'),
      );
    },
  );

  check(
    implementation,
    'says OBJECT_NOT_FOUND for a key that is absent, a folder or part of a key',
    async (subject) => {
      const { storage, signal } = subject;
      await storage.put('shop/catalog/x.json', bodyOf(Buffer.from('x')), { signal });
      for (const key of ['nothing', 'shop', 'shop/catalog', 'shop/catalog/x', 'shop/catalog/x.json/y']) {
        await assert.rejects(
          storage.get(key, { signal }),
          (error) => hasCode(error, 'OBJECT_NOT_FOUND'),
          key,
        );
        await assert.rejects(storage.stat(key, signal), (error) => hasCode(error, 'OBJECT_NOT_FOUND'), key);
      }
    },
  );

  check(
    implementation,
    'stops with the reason of the signal, before and while it reads',
    async ({ storage, signal }) => {
      await storage.put('a', bodyOf(Buffer.alloc(size)), { signal });
      const controller = new AbortController();
      const reason = new Error('the restore was cancelled');
      const stream = await storage.get('a', { signal: controller.signal });
      const reading = stream[Symbol.asyncIterator]();
      assert.equal((await reading.next()).done, false);
      controller.abort(reason);
      await assert.rejects(
        async () => {
          while (!(await reading.next()).done);
        },
        (error) => error === reason,
      );
      const aborted = { signal: controller.signal };
      await assert.rejects(storage.get('a', aborted), (error) => error === reason);
      await assert.rejects(storage.stat('a', controller.signal), (error) => error === reason);
    },
  );
}
