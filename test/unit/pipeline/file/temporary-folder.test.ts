import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openTemporaryFolder } from '../../../../src/pipeline/file/temporary-folder.ts';
import { withFolder } from '../../../support/folder.ts';

const now = new Date('2026-01-05T00:00:00Z');

describe('a temporary folder', () => {
  it('is for its user alone, and is removed with all that is in it', () =>
    withTemporaryRoot(async (root) => {
      const folder = await openTemporaryFolder({ bytes: 1, now });
      assert.equal((await stat(folder.path)).mode & 0o777, 0o700);
      await writeFile(join(folder.path, 'copy.db'), 'x');
      await folder.remove();
      await folder.remove();
      assert.deepEqual(await readdir(root), []);
    }));

  it('is refused where there is no room for what it is to hold', () =>
    withTemporaryRoot(async (root) => {
      await assert.rejects(openTemporaryFolder({ bytes: 2 ** 60, now }), {
        code: 'DISK_FULL',
        retryable: true,
        message: /are needed for a while below/,
      });
      assert.deepEqual(await readdir(root), []);
    }));

  it('takes away what dead processes left days ago, and nothing else', () =>
    withTemporaryRoot(async (root) => {
      const dead = spawnSync('true').pid;
      const days = (count: number) => new Date(now.getTime() - count * 86_400_000);
      const folders: [string, Date][] = [
        [`backupdata-work-${dead}-abandoned`, days(3)],
        // Of a container that was started anew: its first process has the same number each time.
        [`backupdata-work-${process.pid}-abandoned`, days(3)],
        [`backupdata-work-${dead}-recent`, days(1)],
        [`backupdata-work-${process.ppid}-alive`, days(3)],
        [`backupdata-work-${process.pid}-own`, new Date()],
        ['backupdata-work-other', days(3)],
        ['somebody-elses', days(3)],
      ];
      for (const [name, at] of folders) {
        await mkdir(join(root, name));
        await utimes(join(root, name), at, at);
      }
      const folder = await openTemporaryFolder({ bytes: 1, now });
      await folder.remove();
      assert.deepEqual(
        await readdir(root),
        folders
          .slice(2)
          .map(([name]) => name)
          .sort(),
      );
    }));
});

async function withTemporaryRoot(use: (root: string) => Promise<void>): Promise<void> {
  await withFolder(async (root) => {
    const { TMPDIR } = process.env;
    process.env.TMPDIR = root;
    try {
      await use(root);
    } finally {
      process.env.TMPDIR = TMPDIR ?? '/tmp';
    }
  });
}
