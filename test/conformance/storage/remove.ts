import assert from 'node:assert/strict';
import { bodyOf, check, keysOf, type StorageImplementation } from './subject.ts';

export function removeTests(implementation: StorageImplementation): void {
  check(implementation, 'removes the named objects and no other', async ({ storage, signal }) => {
    const kept = ['shop/catalog/x.json', 'shop/catalog/x.json.pin', 'shop/data/b/1', 'shopping/a'];
    const gone = ['shop/data/a/1', 'shop/data/a/2', 'shop/data/b/10', 'shop/data-a'];
    for (const key of [...kept, ...gone]) await storage.put(key, bodyOf(Buffer.from(key)), { signal });
    await storage.remove([...gone, 'shop/data', 'shop', 'shop/catalog/x'], signal);
    assert.deepEqual(await keysOf(storage, '', signal), kept);
  });

  check(implementation, 'may be asked again, or for what never was', async ({ storage, signal }) => {
    await storage.remove(['never/was', 'nor/this/one'], signal);
    await storage.remove([], signal);
    await storage.put('a/b/c', bodyOf(Buffer.from('x')), { signal });
    await storage.remove(['a/b/c', 'a/b/c', 'a/b/d'], signal);
    await storage.remove(['a/b/c', 'a/b/c/d'], signal);
    assert.deepEqual(await keysOf(storage, '', signal), []);
  });

  check(implementation, 'does not start when the signal has aborted', async ({ storage, signal }) => {
    const reason = new Error('cancelled before');
    await storage.put('a', bodyOf(Buffer.from('x')), { signal });
    await assert.rejects(storage.remove(['a'], AbortSignal.abort(reason)), (error) => error === reason);
    assert.deepEqual(await keysOf(storage, '', signal), ['a']);
  });

  check(
    implementation,
    'loses no object that is written while its neighbours are removed',
    async ({ storage, signal }) => {
      for (let round = 0; round < 40; round += 1) {
        await storage.put(`d/e/${round}`, bodyOf(Buffer.from('old')), { signal });
        const put = storage.put(`d/e/${round}-new`, bodyOf(Buffer.from('new')), { signal });
        await Promise.all([put, storage.remove([`d/e/${round}`], signal)]);
        assert.deepEqual(await keysOf(storage, '', signal), [`d/e/${round}-new`]);
        await storage.remove([`d/e/${round}-new`], signal);
      }
    },
  );
}
