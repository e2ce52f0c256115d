import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { decodeInto } from '../../../../src/pipeline/part/decode.ts';
import { checkPart, openPart } from '../../../../src/pipeline/part/read.ts';
import { writePart } from '../../../../src/pipeline/part/write.ts';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../src/pipeline/storage/storage.ts';
import type { ManifestPart } from '../../../../src/shared/manifest.ts';
import { withFolder } from '../../../support/folder.ts';

const signal = new AbortController().signal;
const folder = 'shop/';
const key = 'data/shop-20260102T030405Z-abc234/aabcdefgh/data.dump';

interface Bench {
  storage: Storage;
  path: string;
  store(content: Buffer, volumeSize: number): Promise<ManifestPart>;
}

async function withStorage(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withFolder(async (path) => {
    const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
    const store = async (content: Buffer, volumeSize: number): Promise<ManifestPart> => {
      const source = Readable.from(chunksOf(content, 1000));
      const volumes = await writePart({ storage, folder, key, source, volumeSize, signal });
      return { name: 'data.dump', kind: 'data', volumes };
    };
    await use({ storage, path, store });
  });
}

function* chunksOf(content: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size);
}

describe('a part', () => {
  for (const [length, volumeSize, expected] of [
    [0, 100, [0]],
    [1, 100, [1]],
    [100, 100, [100]],
    [101, 100, [100, 1]],
    [2_500, 1_000, [1_000, 1_000, 500]],
    [2_999, 1_500, [1_500, 1_499]],
  ] as const) {
    it(`of ${length} bytes becomes volumes of ${expected.join(', ')} with volumeSize ${volumeSize}`, () =>
      withStorage(async ({ storage, store }) => {
        const content = randomBytes(length);
        const part = await store(content, volumeSize);
        assert.deepEqual(
          part.volumes.map((volume) => volume.bytes),
          [...expected],
        );
        assert.equal(part.volumes.at(1)?.key, expected.length > 1 ? `${key}.0001` : undefined);
        assert.equal(
          part.volumes[0]?.sha256,
          createHash('sha256').update(content.subarray(0, volumeSize)).digest('hex'),
        );
        assert.deepEqual(await buffer(openPart({ storage, folder, part, signal })), content);
      }));
  }

  it('whose source fails leaves no object for its last volume, and reports the failure of the source', () =>
    withStorage(async ({ storage, path }) => {
      const failing = Readable.from(
        (function* () {
          yield Buffer.alloc(1500);
          throw new Error('the dump broke');
        })(),
      );
      await assert.rejects(
        writePart({ storage, folder, key, source: failing, volumeSize: 1000, signal }),
        /the dump broke/,
      );
      const left = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) =>
        entry.isFile(),
      );
      assert.deepEqual(
        left.map((entry) => entry.name),
        ['data.dump'],
        'only the first, full volume is there, for the caller to remove',
      );
    }));
});

describe('reading a part back', () => {
  for (const [what, damage, code] of [
    ['a flipped bit', (bytes: Buffer) => bytes.with(70_000, (bytes[70_000] ?? 0) ^ 1), 'OBJECT_DAMAGED'],
    ['a cut end', (bytes: Buffer) => bytes.subarray(0, -1), 'OBJECT_DAMAGED'],
    ['a longer end', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')]), 'OBJECT_DAMAGED'],
  ] as const) {
    it(`stops at ${what}, names part and volume, and holds the end back`, () =>
      withStorage(async ({ storage, path, store }) => {
        const content = randomBytes(400_000);
        const part = await store(content, 1_000_000);
        const file = join(path, folder, key);
        await writeFile(file, damage(await readFile(file)));
        await assert.rejects(checkPart({ storage, folder, part, signal }), {
          code,
          message: /data\.dump.*storage main is damaged/,
        });
        let given = 0;
        const stream = openPart({ storage, folder, part, signal });
        stream.on('data', (chunk: Buffer) => {
          given += chunk.length;
        });
        await assert.rejects(new Promise((_resolve, reject) => stream.once('error', reject)), { code });
        assert.ok(
          given <= content.length - 200_000,
          `${given} bytes were given out before the hash was compared`,
        );
      }));
  }

  it('says which volume is missing', () =>
    withStorage(async ({ storage, store }) => {
      const part = await store(randomBytes(3_000), 1_000);
      await storage.remove([`${folder}${key}.0001`], signal);
      await assert.rejects(checkPart({ storage, folder, part, signal }), {
        code: 'OBJECT_NOT_FOUND',
        message: /data\.dump\.0001 is missing/,
      });
    }));

  it('kills the consumer of a damaged part before its input could end', () =>
    withStorage(async ({ storage, path, store }) => {
      const part = await store(randomBytes(900_000), 2_000_000);
      const file = join(path, folder, key);
      const bytes = await readFile(file);
      await writeFile(file, bytes.with(10, (bytes[10] ?? 0) ^ 1));
      const witness = join(path, 'consumer-saw-the-end');
      const consumer = { program: '/bin/sh', args: ['-c', `cat > /dev/null; echo > ${witness}`] };
      await assert.rejects(decodeInto({ storage, folder, codecs: [], signal }, part, consumer), {
        code: 'OBJECT_DAMAGED',
      });
      await assert.rejects(readFile(witness), { code: 'ENOENT' });
    }));
});
