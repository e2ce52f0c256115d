import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withoutSiblings } from '../../../../src/pipeline/file/siblings.ts';
import { withFolder } from '../../../support/folder.ts';

describe('work without the siblings of a file', () => {
  it('finds them out of the way, where they stay', () =>
    withSiblings(async ({ request, names }) => {
      const during = await withoutSiblings(request, names);
      assert.deepEqual(during, ['app.db', 'old-wal']);
      assert.deepEqual(await names(), during);
    }));

  it('puts them back when it fails', () =>
    withSiblings(async ({ request, names }) => {
      const before = await names();
      const failed = withoutSiblings(request, () => Promise.reject(new Error('no room')));
      await assert.rejects(failed, { message: 'no room' });
      assert.deepEqual(await names(), before);
    }));
});

interface Siblings {
  request: Parameters<typeof withoutSiblings>[0];
  names(): Promise<string[]>;
}

function withSiblings(use: (siblings: Siblings) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const path = join(folder, 'app.db');
    for (const suffix of ['', '-wal']) await writeFile(path + suffix, 'x');
    await use({
      request: { path, suffixes: ['-wal', '-shm'], aside: join(folder, 'old') },
      names: async () => (await readdir(folder)).toSorted(),
    });
  });
}
