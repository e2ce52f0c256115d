import assert from 'node:assert/strict';
import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { hasCode } from '../../src/shared/errors.ts';
import { describeOnSmallDisk, makeReadOnly, withSmallDisk } from '../support/small-disk.ts';

const mebibyte = 1024 * 1024;
const signal = new AbortController().signal;

describeOnSmallDisk(import.meta.filename, () => {
  describe('a local storage on a disk that fails', () => {
    it('says STORAGE_FULL, gives the space back and keeps what was there', async () => {
      await withSmallDisk({ bytes: 8 * mebibyte }, async (disk) => {
        const root = join(disk, 'root');
        const storage = await openStorage({ name: 'main', config: { type: 'local', path: root } });
        await storage.put('shop/data/old', bodyOf(mebibyte), { signal });
        const free = (await statfs(disk)).bfree;
        for (const ifAbsent of [true, false]) {
          const body = bodyOf(12 * mebibyte);
          await assert.rejects(storage.put('shop/data/new', body, { signal, ifAbsent }), (error) => {
            assert.ok(hasCode(error, 'STORAGE_FULL'), String(error));
            assert.ok(error.message.includes('main') && error.message.includes(root) && error.hint !== null);
            return true;
          });
          assert.ok(body.destroyed, 'the dump would wait for ever');
          assert.equal((await statfs(disk)).bfree, free);
          assert.deepEqual(await readdir(join(root, 'shop', 'data')), ['old']);
        }
        assert.equal((await buffer(await storage.get('shop/data/old', { signal }))).byteLength, mebibyte);
        assert.equal(
          (await storage.put('shop/data/new', bodyOf(6 * mebibyte), { signal })).bytes,
          6 * mebibyte,
        );
      });
    });

    it('says STORAGE_UNAVAILABLE when the disk turned read-only, and still reads', async () => {
      await withSmallDisk({ bytes: mebibyte }, async (disk) => {
        const storage = await openStorage({ name: 'main', config: { type: 'local', path: disk } });
        await storage.put('a', bodyOf(1000), { signal });
        await makeReadOnly(disk);
        const readOnly = (error: unknown) =>
          hasCode(error, 'STORAGE_UNAVAILABLE') && error.message.includes('read-only');
        await assert.rejects(storage.put('b', bodyOf(1000), { signal }), readOnly);
        await assert.rejects(storage.remove(['a'], signal), readOnly);
        assert.equal((await buffer(await storage.get('a', { signal }))).byteLength, 1000);
      });
    });
  });
});

function bodyOf(bytes: number): Readable {
  const chunk = Buffer.alloc(Math.min(bytes, 64 * 1024), 7);
  return Readable.from(
    Array.from({ length: bytes / chunk.byteLength }, () => chunk),
    { objectMode: false },
  );
}
