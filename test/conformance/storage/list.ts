import assert from 'node:assert/strict';
import { bodyOf, check, keysOf, type StorageImplementation } from './subject.ts';

/** Where the order of folders differs from that of whole keys, and names that a careless listing drops. */
const tricky = [
  'a-b',
  'a/b',
  'a.b',
  'a0',
  'a/b-c/d',
  'a/b.c',
  'A/b',
  'a b/c d',
  '..a/b',
  '.hidden',
  '.hidden.d/x',
  'x/.y',
  '~z',
  '!first',
  'per%2fcent',
  '..%2f',
  'q?a=1&b=<c>',
  'quote\'"s',
  'plus+sign',
  'star*',
  '#hash',
  '-dash/-r',
  'a/...',
  'x.tmp',
  'x~',
  'x.bkd-tmp-not',
];
const many = 2500;
const atOnce = 25;

export function listTests(implementation: StorageImplementation): void {
  check(implementation, `lists ${many} keys in byte order, with tricky names among them`, async (subject) => {
    const { storage, signal, random } = subject;
    const drawn = Array.from(
      { length: many - tricky.length },
      (_, index) => `${randomKey(random.below)}-${index}`,
    );
    const keys = [...tricky, ...drawn];
    for (let at = 0; at < keys.length; at += atOnce) {
      const some = keys.slice(at, at + atOnce);
      await Promise.all(some.map((key) => storage.put(key, bodyOf(Buffer.from(key)), { signal })));
    }
    const expected = keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    assert.deepEqual(await keysOf(storage, '', signal), expected);
    for (const prefix of [
      'a',
      'a/',
      'a/b',
      'a-',
      's',
      'sh',
      'shop/',
      'shop/da',
      '.',
      '..',
      '..a',
      '..%',
      'q?',
      'zz',
    ]) {
      const below = expected.filter((key) => key.startsWith(prefix));
      assert.deepEqual(await keysOf(storage, prefix, signal), below, prefix);
    }
    for await (const { key, bytes } of storage.list('', signal)) assert.equal(bytes, key.length, key);
  });

  check(
    implementation,
    'lists nothing for an empty storage or a prefix that no key has',
    async ({ storage, signal }) => {
      assert.deepEqual(await keysOf(storage, '', signal), []);
      await storage.put('shop/catalog/x', bodyOf(Buffer.from('x')), { signal });
      for (const prefix of ['shop/catalog/x/', 'shop/catalog/xy', 'hop', 'nothing/here/']) {
        assert.deepEqual(await keysOf(storage, prefix, signal), [], prefix);
      }
      assert.deepEqual(await keysOf(storage, 'shop/catalog/x', signal), ['shop/catalog/x']);
    },
  );

  check(implementation, 'stops a listing with the reason of the signal', async ({ storage, signal }) => {
    await storage.put('a', bodyOf(Buffer.from('a')), { signal });
    await storage.put('b', bodyOf(Buffer.from('b')), { signal });
    const controller = new AbortController();
    const reason = new Error('enough');
    const listing = storage.list('', controller.signal)[Symbol.asyncIterator]();
    assert.equal((await listing.next()).value?.key, 'a');
    controller.abort(reason);
    await assert.rejects(Promise.resolve(listing.next()), (error) => error === reason);
  });
}

function randomKey(below: (limit: number) => number): string {
  const databases = ['shop', 'shop-eu', 'shop.eu', 'sh', 'crm', 'a1'];
  const folders = ['catalog', 'data', 'data/x', 'data-old'];
  const name = Array.from({ length: 1 + below(6) }, () => 'abc-._09Z'[below(9)]).join('');
  return `${databases[below(databases.length)]}/${folders[below(folders.length)]}/${name}`;
}
