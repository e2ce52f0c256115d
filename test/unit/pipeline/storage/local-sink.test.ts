import assert from 'node:assert/strict';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { createFileSink } from '../../../../src/pipeline/storage/local-sink.ts';
import { withFolder } from '../../../support/folder.ts';
import { chooseSeed, createSeeded } from '../../../support/seeded.ts';

const place = { storage: 'main', root: '/srv/backups' };

describe('createFileSink', () => {
  it('writes everything in order when the disk takes only part of each write', async (context) => {
    const random = createSeeded(chooseSeed());
    context.diagnostic(`TEST_SEED=${random.seed}`);
    await withFolder(async (folder) => {
      const path = join(folder, 'a');
      await using handle = await open(path, 'wx');
      const chunks = Array.from({ length: 200 }, () => random.bytes(random.below(3000)));
      const file = createFileSink(place, takingPart(handle, random.below));
      await pipeline(Readable.from(chunks), file.sink);
      await file.settle();
      const content = Buffer.concat(chunks);
      assert.equal(file.bytes(), content.byteLength);
      assert.ok(content.equals(await readFile(path)));
    });
  });

  it('does not lose the failure of a writeback that ran beside the writing', async () => {
    const handle = {
      writev: async (chunks: readonly Uint8Array[]) => ({
        bytesWritten: chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0),
      }),
      datasync: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fdatasync' })),
    };
    const { sink, settle } = createFileSink(place, handle);
    await pipeline(Readable.from(Array.from({ length: 17 }, () => Buffer.alloc(1024 * 1024))), sink).catch(
      () => undefined,
    );
    await assert.rejects(settle(), { message: 'EIO' });
  });
});

/** A disk that takes a random part of what it is given, at least one byte. */
function takingPart(handle: FileHandle, below: (limit: number) => number) {
  const writev = async (chunks: readonly Uint8Array[]) => {
    const all = Buffer.concat(chunks);
    const { bytesWritten } = await handle.write(all, 0, 1 + below(all.byteLength));
    return { bytesWritten };
  };
  return { writev, datasync: () => handle.datasync() };
}
