import assert from 'node:assert/strict';
import { hasCode } from '../../../src/shared/errors.ts';
import { bodyOf, check, keysOf, readObject, type StorageImplementation } from './subject.ts';

const writers = 8;

export function ifAbsentTests(implementation: StorageImplementation): void {
  check(
    implementation,
    "refuses a second writer of a key and leaves the first one's bytes",
    async (subject) => {
      const { storage, signal, unfinished } = subject;
      const first = Buffer.from('the first');
      await storage.put('shop/catalog/x.json', bodyOf(first), { signal, ifAbsent: true });
      for (const content of ['the second, which is longer', '']) {
        const body = bodyOf(Buffer.from(content));
        const put = storage.put('shop/catalog/x.json', body, { signal, ifAbsent: true });
        await assert.rejects(put, (error) => hasCode(error, 'OBJECT_EXISTS'));
        assert.ok(body.destroyed, 'the body is left open');
      }
      assert.ok(first.equals(await readObject(storage, 'shop/catalog/x.json', signal)));
      assert.deepEqual(await unfinished(), []);
    },
  );

  check(
    implementation,
    `lets exactly one of ${writers} writers at the same time win, whole`,
    async (subject) => {
      const { storage, signal, random, unfinished } = subject;
      for (const key of ['race/1', 'race/2', 'race/3', 'race/4']) {
        const contents = Array.from({ length: writers }, (_, index) => random.bytes(300_000 + index));
        const puts = contents.map((content) => storage.put(key, bodyOf(content), { signal, ifAbsent: true }));
        const outcomes = await Promise.allSettled(puts);
        const won = contents.filter((_, index) => outcomes[index]?.status === 'fulfilled');
        const reasons = outcomes.flatMap((outcome) =>
          outcome.status === 'rejected' ? [outcome.reason] : [],
        );
        assert.equal(won.length, 1);
        assert.ok(
          reasons.every((reason) => hasCode(reason, 'OBJECT_EXISTS')),
          String(reasons),
        );
        assert.ok(won[0]?.equals(await readObject(storage, key, signal)));
      }
      assert.equal((await keysOf(storage, '', signal)).length, 4);
      assert.deepEqual(await unfinished(), []);
    },
  );

  check(implementation, 'lets a removed key be written again', async ({ storage, signal }) => {
    await storage.put('a', bodyOf(Buffer.from('1')), { signal, ifAbsent: true });
    await storage.remove(['a'], signal);
    await storage.put('a', bodyOf(Buffer.from('2')), { signal, ifAbsent: true });
    assert.equal(String(await readObject(storage, 'a', signal)), '2');
  });
}
