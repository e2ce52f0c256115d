import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { openReplacement, type ReplaceRequest } from '../../../../src/pipeline/file/replace-file.ts';
import { withFolder } from '../../../support/folder.ts';

describe('a file that replaces another', () => {
  it('gets its name only when it is published, and leaves nothing else', () =>
    withTarget(async ({ folder, request }) => {
      const replacement = await openReplacement(request({ create: true }));
      await writeFile(replacement.path, 'whole');
      assert.equal((await readdir(folder)).includes('target'), false);
      assert.deepEqual(await replacement.publish(), []);
      await replacement.discard();
      assert.deepEqual(await readdir(folder), ['target']);
      assert.equal(await readFile(join(folder, 'target'), 'utf8'), 'whole');
      assert.equal((await stat(join(folder, 'target'))).mode & 0o777, 0o600);
    }));

  it('is gone when it is discarded, and the target is as it was', () =>
    withTarget(async ({ folder, request }) => {
      await writeFile(join(folder, 'target'), 'old');
      const replacement = await openReplacement(request({ confirm: 'target' }));
      await writeFile(replacement.path, 'half');
      await replacement.discard();
      await replacement.discard();
      assert.deepEqual(await readdir(folder), ['target']);
      assert.equal(await readFile(join(folder, 'target'), 'utf8'), 'old');
    }));

  it('keeps the old one under the name that was asked for, with its mode', () =>
    withTarget(async ({ folder, request }) => {
      await writeFile(join(folder, 'target'), 'old');
      await chmod(join(folder, 'target'), 0o644);
      const replacement = await openReplacement(request({ confirm: 'target', keepAs: 'kept' }));
      await writeFile(replacement.path, 'new');
      assert.deepEqual(await replacement.publish(), [`what was there is now ${join(folder, 'kept')}`]);
      assert.deepEqual(await readdir(folder), ['kept', 'target']);
      assert.equal(await readFile(join(folder, 'kept'), 'utf8'), 'old');
      assert.equal(await readFile(join(folder, 'target'), 'utf8'), 'new');
      assert.equal((await stat(join(folder, 'target'))).mode & 0o777, 0o644);
    }));

  it('does not take the place of what appeared meanwhile', () =>
    withTarget(async ({ folder, request }) => {
      const replacement = await openReplacement(request({ create: true }));
      await writeFile(join(folder, 'target'), 'of somebody else');
      await assert.rejects(replacement.publish(), { code: 'TARGET_EXISTS' });
      await replacement.discard();
      assert.equal(await readFile(join(folder, 'target'), 'utf8'), 'of somebody else');
      assert.deepEqual(await readdir(folder), ['target']);
    }));

  it('does not write over an old one that was kept before', () =>
    withTarget(async ({ folder, request }) => {
      await writeFile(join(folder, 'target'), 'old');
      const replacement = await openReplacement(request({ confirm: 'target', keepAs: 'kept' }));
      await link(join(folder, 'target'), join(folder, 'kept'));
      await assert.rejects(replacement.publish(), { code: 'TARGET_EXISTS', message: /would be kept/ });
      await replacement.discard();
      assert.deepEqual(await readdir(folder), ['kept', 'target']);
    }));

  it('takes away what restores to it left that were killed days ago, and nothing else', () =>
    withTarget(async ({ folder, request }) => {
      const dead = spawnSync('true').pid;
      const days = (count: number) => new Date(now.getTime() - count * 86_400_000);
      const left: [string, Date][] = [
        [`.target.bkd-tmp-${dead}-abandoned`, days(3)],
        [`.other.bkd-tmp-${dead}-abandoned`, days(3)],
        [`.target.bkd-tmp-${dead}-recent`, days(1)],
        [`.target.bkd-tmp-${process.ppid}-alive`, days(3)],
      ];
      for (const [name, at] of left) {
        await mkdir(join(folder, name));
        await utimes(join(folder, name), at, at);
      }
      const replacement = await openReplacement(request({ create: true }));
      assert.match(basename(dirname(replacement.path)), new RegExp(`^\\.target\\.bkd-tmp-${process.pid}-`));
      await replacement.discard();
      const kept = left.slice(1).map(([name]) => name);
      assert.deepEqual((await readdir(folder)).toSorted(), kept.toSorted());
    }));
});

const now = new Date('2026-01-05T00:00:00Z');

interface Place {
  folder: string;
  request(changes: Partial<ReplaceRequest>): ReplaceRequest;
}

function withTarget(use: (place: Place) => Promise<void>): Promise<void> {
  return withFolder((folder) =>
    use({
      folder,
      request: (changes) => ({
        ...{ path: join(folder, 'target'), create: false, confirm: undefined, keepAs: undefined, now },
        ...changes,
      }),
    }),
  );
}
