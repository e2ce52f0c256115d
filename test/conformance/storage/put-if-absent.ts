import assert from 'node:assert/strict';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
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
    `lets one of ${writers} writers at the same time win, whole: exactly one where the store decides`,
    async (subject) => {
      const { storage, signal, random, unfinished } = subject;
      for (const key of ['race/1', 'race/2', 'race/3', 'race/4']) {
        const contents = Array.from({ length: writers }, (_, index) => random.bytes(300_000 + index));
        const puts = contents.map((content, index) =>
          storage.put(key, index % 2 ? bodyOf(content) : content, { signal, ifAbsent: true }),
        );
        const outcomes = await Promise.allSettled(puts);
        const won = contents.filter((_, index) => outcomes[index]?.status === 'fulfilled');
        const reasons = outcomes.flatMap((outcome) =>
          outcome.status === 'rejected' ? [outcome.reason] : [],
        );
        assertWinners(storage, won.length);
        assert.ok(
          reasons.every((reason) => hasCode(reason, 'OBJECT_EXISTS')),
          String(reasons),
        );
        const stored = await readObject(storage, key, signal);
        assert.ok(
          won.some((content) => content.equals(stored)),
          'what is stored is of one that was told so',
        );
      }
      assert.equal((await keysOf(storage, '', signal)).length, 4);
      assert.deepEqual(await unfinished(), []);
    },
  );

  check(
    implementation,
    'refuses a second body of many parts and takes its upload back',
    async ({ storage, signal, random, unfinished }) => {
      const first = Buffer.from('the first');
      await storage.put('a', first, { signal, ifAbsent: true });
      const body = bodyOf(random.bytes(17 * 1024 * 1024));
      await assert.rejects(storage.put('a', body, { signal, ifAbsent: true }), (error) =>
        hasCode(error, 'OBJECT_EXISTS'),
      );
      assert.ok(body.destroyed, 'the body is left open');
      assert.ok(first.equals(await readObject(storage, 'a', signal)));
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

/** Where two look before either writes, both may find nothing there; the last to write is then the one that is read back. */
function assertWinners({ fence }: Storage, winners: number): void {
  if (fence === 'conditional') assert.equal(winners, 1);
  else assert.ok(winners >= 1, 'somebody must win');
}
