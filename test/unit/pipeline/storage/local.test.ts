import assert from 'node:assert/strict';
import {
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rmdir,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { createLocalStorage } from '../../../../src/pipeline/storage/local.ts';
import type { Storage } from '../../../../src/pipeline/storage/storage.ts';
import { hasCode } from '../../../../src/shared/errors.ts';
import { withFolder } from '../../../support/folder.ts';

const signal = new AbortController().signal;
const hour = 3_600_000;

describe('createLocalStorage', () => {
  it('keeps objects and folders from other users', async () => {
    await withStorage(async ({ storage, root }) => {
      await put(storage, 'shop/data/a');
      await put(storage, 'shop/catalog/a', { ifAbsent: true });
      const entries = await readdir(root, { recursive: true });
      const modes = await Promise.all(
        ['.', ...entries].toSorted().map(async (name) => [name, (await stat(join(root, name))).mode & 0o777]),
      );
      assert.deepEqual(modes, [
        ['.', 0o700],
        ['shop', 0o700],
        ['shop/catalog', 0o700],
        ['shop/catalog/a', 0o600],
        ['shop/data', 0o700],
        ['shop/data/a', 0o600],
      ]);
    });
  });

  it('leaves one name for an object that was written if absent', async () => {
    await withStorage(async ({ storage, root }) => {
      await put(storage, 'a', { ifAbsent: true });
      assert.equal((await stat(join(root, 'a'))).nlink, 1);
      assert.deepEqual(await readdir(root), ['a']);
    });
  });

  it('takes a root that does not exist for empty, and does not make it by looking', async () => {
    await withStorage(async ({ storage, root, folder }) => {
      assert.deepEqual(await keys(storage), []);
      await assert.rejects(storage.stat('a', signal), (error) => hasCode(error, 'OBJECT_NOT_FOUND'));
      await assert.rejects(storage.get('a', { signal }), (error) => hasCode(error, 'OBJECT_NOT_FOUND'));
      await storage.remove(['a'], signal);
      assert.equal(await storage.sweep('', new Date(), signal), 0);
      assert.deepEqual(await readdir(folder), []);
      await put(storage, 'a');
      assert.deepEqual(await readdir(root), ['a']);
    });
  });

  it('refuses to write and to list where the folder above the root is missing, as when a volume is not mounted', async () => {
    await withFolder(async (folder) => {
      const storage = createLocalStorage({ name: 'main', path: join(folder, 'volume', 'root'), randomText });
      for (const work of [() => put(storage, 'a'), () => keys(storage)])
        await assert.rejects(work(), (error) => {
          assert.ok(hasCode(error, 'STORAGE_UNAVAILABLE'));
          assert.match(error.message, /the storage main \(.*root\) has no folder/);
          assert.match(error.hint ?? '', /mount the volume/);
          return true;
        });
      assert.deepEqual(await readdir(folder), []);
    });
  });

  it('says that the root is not a folder', async () => {
    await withStorage(async ({ storage, root }) => {
      await writeFile(root, 'a file');
      for (const work of [() => put(storage, 'a'), () => keys(storage)])
        await assert.rejects(
          work(),
          (error) => hasCode(error, 'STORAGE_UNAVAILABLE') && /is not a folder/.test(error.message),
        );
      assert.equal(await readFile(root, 'utf8'), 'a file');
    });
  });

  it('refuses a key that a symbolic link leads out of the root, in every method', async () => {
    await withStorage(async ({ storage, root, folder }) => {
      await mkdir(join(folder, 'outside'));
      await writeFile(join(folder, 'outside', 'secret'), 'secret');
      await mkdir(join(root, 'shop'), { recursive: true });
      await symlink('../../outside', join(root, 'shop', 'data'));
      await symlink('../../outside/secret', join(root, 'shop', 'link'));
      for (const key of ['shop/data/secret', 'shop/data/new', 'shop/data/new/er', 'shop/link']) {
        const invalid = (error: unknown) => hasCode(error, 'KEY_INVALID');
        await assert.rejects(put(storage, key), invalid, `put ${key}`);
        await assert.rejects(put(storage, key, { ifAbsent: true }), invalid, `put ${key}`);
        await assert.rejects(storage.get(key, { signal }), invalid, `get ${key}`);
        await assert.rejects(storage.stat(key, signal), invalid, `stat ${key}`);
        await assert.rejects(storage.remove([key], signal), invalid, `remove ${key}`);
      }
      await assert.rejects(keys(storage, 'shop/data/'), (error) => hasCode(error, 'KEY_INVALID'));
      assert.deepEqual(await keys(storage), []);
      assert.deepEqual(await readdir(join(folder, 'outside')), ['secret']);
      assert.equal(await readFile(join(folder, 'outside', 'secret'), 'utf8'), 'secret');
    });
  });

  it('does not write through a symbolic link that leads nowhere yet', async () => {
    await withStorage(async ({ storage, root, folder }) => {
      await mkdir(root);
      await symlink('../later', join(root, 'shop'));
      await assert.rejects(put(storage, 'shop/a'));
      assert.deepEqual(await readdir(folder), [relative(folder, root)]);
    });
  });

  it('works where the root itself is a symbolic link', async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, 'disk'));
      await symlink('disk', join(folder, 'root'));
      const storage = createLocalStorage({ name: 'main', path: join(folder, 'root'), randomText });
      await put(storage, 'a/b');
      assert.deepEqual(await keys(storage), ['a/b']);
      await storage.remove(['a/b'], signal);
      assert.ok((await lstat(join(folder, 'root'))).isSymbolicLink());
    });
  });

  it('refuses an object where a folder is, and a folder where an object is', async () => {
    await withStorage(async ({ storage }) => {
      await put(storage, 'a/b');
      for (const key of ['a', 'a/b/c', 'a/b/c/d']) {
        await assert.rejects(put(storage, key), (error) => hasCode(error, 'KEY_INVALID'), key);
        await assert.rejects(
          put(storage, key, { ifAbsent: true }),
          (error) => hasCode(error, 'KEY_INVALID'),
          key,
        );
      }
      assert.deepEqual(await keys(storage), ['a/b']);
    });
  });

  it('fails the stream of a file that became shorter, instead of ending it', async () => {
    await withStorage(async ({ storage, root }) => {
      await put(storage, 'a', {}, Buffer.alloc(5_000_000));
      const stream = await storage.get('a', { signal });
      await truncate(join(root, 'a'), 1_000_000);
      await assert.rejects(buffer(stream), (error) => hasCode(error, 'OBJECT_DAMAGED'));
    });
  });

  it('leaves no empty folder behind a failed put or a removed object, and keeps the root', async () => {
    await withStorage(async ({ storage, root }) => {
      const body = new Readable({ read: () => undefined });
      const refused = assert.rejects(storage.put('a/b/c/d', body, { signal }));
      body.destroy(new Error('no'));
      await refused;
      assert.deepEqual(await readdir(root), []);
      await put(storage, 'a/b/c/d');
      await put(storage, 'a/e');
      await storage.remove(['a/b/c/d'], signal);
      assert.deepEqual(await readdir(root, { recursive: true }), ['a', join('a', 'e')]);
      await storage.remove(['a/e'], signal);
      assert.deepEqual(await readdir(root), []);
      await rmdir(root);
    });
  });

  it('survives a body that fails before the file is open', async () => {
    await withStorage(async ({ storage, root }) => {
      const failure = new Error('the tool is not there');
      const body = new Readable({ read: () => undefined });
      const put = storage.put('a', body, { signal });
      body.destroy(failure);
      await assert.rejects(put, (error) => error === failure);
      assert.deepEqual(await readdir(root), []);
    });
  });

  it('sweeps temporary files of its own pattern only, and only old ones', async () => {
    await withStorage(async ({ storage, root }) => {
      await put(storage, 'd/a');
      const old = [
        '.a.0f3c5d.bkd-tmp',
        '.a.b.c.x1.bkd-tmp',
        'a.bkd-tmp',
        '.bkd-tmp',
        '.a.bkd-tmp',
        '.a..bkd-tmp',
        'a.tmp',
        '.a.X_1.bkd-tmp',
      ];
      const young = '.young.0f3c5d.bkd-tmp';
      for (const name of [...old, young]) await writeFile(join(root, 'd', name), name);
      for (const name of old) await utimes(join(root, 'd', name), 0, (Date.now() - 2 * hour) / 1000);
      await symlink(join(root, 'd', 'a'), join(root, 'd', '.link.0f3c5d.bkd-tmp'));
      await link(join(root, 'd', 'a'), join(root, 'd', '.linked.0f3c5d.bkd-tmp'));
      assert.equal(await storage.sweep('', new Date(Date.now() - hour), signal), 2);
      const left = (await readdir(join(root, 'd'))).toSorted();
      const kept = [...old.slice(2), young, 'a', '.link.0f3c5d.bkd-tmp', '.linked.0f3c5d.bkd-tmp'];
      assert.deepEqual(left, kept.toSorted());
      assert.deepEqual(await keys(storage), ['d/a', 'd/a.tmp']);
    });
  });

  it('takes an unfinished file for part of what its object would be called', async () => {
    await withStorage(async ({ storage, root }) => {
      await mkdir(join(root, 'd'), { recursive: true });
      await writeFile(join(root, 'd', '.data.dump.zst.0f3c5d.bkd-tmp'), 'x');
      const later = new Date(Date.now() + hour);
      assert.equal(await storage.sweep('d/globals', later, signal), 0);
      assert.equal(await storage.sweep('d/.data', later, signal), 0);
      assert.equal(await storage.sweep('d/data.dump', later, signal), 1);
      assert.deepEqual(await readdir(root), [], 'and the folder that it leaves empty goes too');
    });
  });

  it('passes over what cannot be an object: other names, links, and lost+found', async () => {
    await withStorage(async ({ storage, root }) => {
      await put(storage, 'b');
      await mkdir(join(root, 'lost+found'));
      await writeFile(join(root, 'lost+found', '#1'), 'x');
      await writeFile(join(root, 'café'), 'x');
      await writeFile(join(root, 'a\nb'), 'x');
      await mkdir(join(root, 'ü'));
      await writeFile(join(root, 'ü', 'x'), 'x');
      await symlink('b', join(root, 'a'));
      assert.deepEqual(await keys(storage), ['b']);
      assert.deepEqual(await keys(storage, 'lost'), []);
    });
  });
});

async function withStorage(
  use: (each: { storage: Storage; root: string; folder: string }) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const root = join(folder, 'root');
    await use({ storage: createLocalStorage({ name: 'main', path: root, randomText }), root, folder });
  });
}

function put(
  storage: Storage,
  key: string,
  options: { ifAbsent?: boolean } = {},
  content = Buffer.from('x'),
) {
  return storage.put(key, Readable.from([content]), { signal, ...options });
}

function keys(storage: Storage, prefix = ''): Promise<string[]> {
  return Array.fromAsync(storage.list(prefix, signal), (object) => object.key);
}

let calls = 0;
function randomText(): string {
  calls += 1;
  return `r${calls}`;
}
