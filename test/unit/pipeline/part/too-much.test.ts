import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import { partReader } from '../../../../src/pipeline/part/decode.ts';
import { writePart } from '../../../../src/pipeline/part/write.ts';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import { withFolder } from '../../../support/folder.ts';

const signal = new AbortController().signal;

it('a program that answers more than memory should hold fails with that, not with its own end', () =>
  withFolder(async (path) => {
    const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
    const place = { storage, folder: 'shop/', signal };
    const key = 'data/shop-20260102T030405Z-abc234/aabcdefgh/data.dump';
    const volumes = await writePart({
      ...place,
      key,
      source: Readable.from([Buffer.from('x')]),
      volumeSize: 10,
    });
    const endless = { program: '/usr/bin/yes', args: [] };
    await assert.rejects(
      partReader({ ...place, codecs: [] }).collect({ name: 'data.dump', kind: 'data', volumes }, endless),
      { code: 'INTERNAL', message: /67108864 bytes/ },
    );
  }));
