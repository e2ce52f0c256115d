import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { createZstd } from '../../../src/pipeline/codec/zstd.ts';
import {
  type DownloadRequest,
  downloadFile,
  downloadFolder,
  partByName,
} from '../../../src/pipeline/download.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { withFolder } from '../../support/folder.ts';
import { storeBackup } from '../../support/stored-backup.ts';
import { machineTools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

const contents = {
  'data.dump': randomBytes(700_000),
  'globals.sql': Buffer.from('-- nobody\n'),
  'RESTORE.md': Buffer.from('# Restore\n'),
};

interface Place {
  path: string;
  storage: Storage;
  manifest: Manifest;
  request: (changes?: Partial<DownloadRequest>) => DownloadRequest & { randomText: () => string };
  decoders: DownloadRequest['codecs'];
}

function withBackup(use: (place: Place) => Promise<void>): Promise<void> {
  return withFolder(async (path) => {
    const storage = await openStorage({
      name: 'main',
      config: { type: 'local', path: join(path, 'storage') },
    });
    const manifest = await storeBackup(storage, { contents, volumeSize: 300_000 });
    const decoders = [await createZstd({ level: 1, tools: machineTools() })];
    await use({
      path,
      storage,
      manifest,
      decoders,
      request: (changes = {}) => ({
        manifest,
        storage,
        codecs: null,
        signal: new AbortController().signal,
        onBytes: () => undefined,
        randomText: () => 'abcdefgh',
        ...changes,
      }),
    });
  });
}

const data = (manifest: Manifest) => partByName(manifest, 'data.dump');
/** What the test's folder holds besides the storage. */
const beside = async (path: string) => (await readdir(path)).filter((name) => name !== 'storage');

describe('a download that is stopped', () => {
  for (const decode of [false, true]) {
    it(`in the middle of a part leaves nothing, and rejects with the reason (${decode ? 'decoded' : 'as stored'})`, () =>
      withBackup(async ({ path, storage, request, decoders }) => {
        const stopping = new AbortController();
        const stalled = stallingAfter(storage, 290_000);
        const files = downloadFolder({
          ...request({ storage: stalled, signal: stopping.signal, codecs: decode ? decoders : null }),
          folder: join(path, 'out'),
        });
        await until('the storage stalls', stalled.isStalled);
        assert.equal((await readdir(join(path, 'out'))).length, 1, 'there is a file under another name');
        stopping.abort(new Error('enough'));
        await assert.rejects(files, /enough/);
        assert.deepEqual(await beside(path), [], 'the folder that it made is gone');
      }));
  }

  it('leaves a folder that was there, and what is in it', () =>
    withBackup(async ({ path, storage, request }) => {
      const folder = join(path, 'out');
      await mkdir(folder);
      await writeFile(join(folder, 'mine'), '');
      const failing: Storage = { ...storage, get: () => Promise.reject(new Error('the storage went away')) };
      await assert.rejects(downloadFolder({ ...request({ storage: failing }), folder }), /went away/);
      assert.deepEqual(await readdir(folder), ['mine']);
    }));
});

describe('the files of a download', () => {
  it('are readable by their owner alone, and so is a folder that was made for them', () =>
    withBackup(async ({ path, request }) => {
      const folder = join(path, 'out');
      for (const file of await downloadFolder({ ...request(), folder }))
        assert.equal((await stat(file.path)).mode & 0o777, 0o600, file.path);
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
    }));

  it('are none when a name is taken while they are written', () =>
    withBackup(async ({ path, storage, request }) => {
      const folder = join(path, 'out');
      const taking: Storage = {
        ...storage,
        get: async (key, options) => {
          if (key.endsWith('RESTORE.md')) await writeFile(join(folder, 'globals.sql.zst'), 'mine');
          return storage.get(key, options);
        },
      };
      await assert.rejects(downloadFolder({ ...request({ storage: taking }), folder }), {
        code: 'TARGET_EXISTS',
        message: /globals\.sql\.zst exists already/,
      });
      assert.deepEqual(await readdir(folder), ['globals.sql.zst']);
      assert.equal(await readFile(join(folder, 'globals.sql.zst'), 'utf8'), 'mine');
    }));

  it('are not asked of the storage when one of them is there, a symbolic link that leads nowhere included', () =>
    withBackup(async ({ path, storage, manifest, request }) => {
      const unread: Storage = { ...storage, get: () => Promise.reject(new Error('it was read')) };
      await symlink('nowhere', join(path, 'link'));
      await mkdir(join(path, 'folder'));
      for (const [name, message] of [
        ['link', /link exists already/],
        ['folder', /folder is a folder/],
      ] as const) {
        const refused = downloadFile({
          ...request({ storage: unread }),
          part: data(manifest),
          path: join(path, name),
        });
        await assert.rejects(refused, { code: 'TARGET_EXISTS', message });
      }
    }));

  it('stay in the folder, whatever a forged manifest calls its parts', () =>
    withBackup(async ({ path, manifest, request, decoders }) => {
      for (const name of ['.', '..']) {
        const parts = manifest.parts.map((part) => (part.name === 'globals.sql' ? { ...part, name } : part));
        const folder = join(path, 'out');
        const forged = request({ manifest: { ...manifest, parts }, codecs: decoders });
        await assert.rejects(downloadFolder({ ...forged, folder }), { code: 'TARGET_EXISTS' });
        assert.deepEqual(await beside(path), []);
      }
    }));
});

describe('a decoder that fails on bytes that are whole', () => {
  it('is told from damage, and leaves no file', () =>
    withBackup(async ({ path, manifest, request, decoders }) => {
      const program = join(path, 'storage', 'zstd');
      await writeFile(program, '#!/bin/sh\ncat >/dev/null; echo out of memory >&2; exit 3\n');
      await chmod(program, 0o755);
      const broken = { program, args: [], env: { PATH: process.env.PATH ?? '' } };
      const codecs = (decoders ?? []).map((codec) => ({ ...codec, decode: () => broken }));
      const refused = downloadFile({
        ...request({ codecs }),
        part: data(manifest),
        path: join(path, 'data.dump'),
      });
      await assert.rejects(refused, {
        code: 'INTERNAL',
        message: /part data\.dump could not be decoded: zstd exited with code 3: out of memory/,
        hint: /stored bytes are whole/,
      });
      assert.deepEqual(await beside(path), []);
    }));
});

/** A storage whose bodies stop for ever after so many bytes, until they are aborted. */
function stallingAfter(storage: Storage, bytes: number): Storage & { isStalled: () => boolean } {
  let stalled = false;
  return {
    ...storage,
    isStalled: () => stalled,
    get: async (key, options) => {
      const whole = await storage.get(key, { ...options, length: bytes });
      const { signal } = options;
      async function* stopping() {
        yield* whole;
        stalled = true;
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        );
      }
      return Readable.from(stopping(), { objectMode: false });
    },
  };
}
