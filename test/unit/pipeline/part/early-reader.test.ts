import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { decodeInto, type PartSource, partReader } from '../../../../src/pipeline/part/decode.ts';
import { writePart } from '../../../../src/pipeline/part/write.ts';
import { StageFailure } from '../../../../src/pipeline/process/failure.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import type { ManifestPart } from '../../../../src/shared/manifest.ts';
import { withFolder } from '../../../support/folder.ts';

const signal = new AbortController().signal;
/** Where in the part its reader ends is a matter of chance. */
const tries = 20;

function shell(source: string): Stage {
  return { program: '/bin/sh', args: ['-c', source] };
}

/** A part of two volumes, more than any pipe takes at once. */
async function withPart(
  use: (source: PartSource, part: ManifestPart, content: Buffer) => Promise<void>,
): Promise<void> {
  await withFolder(async (path) => {
    const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
    const content = randomBytes(3_000_000);
    const key = 'data/shop-20260102T030405Z-abc234/aabcdefgh/data.dump';
    const place = { storage, folder: 'shop/', signal };
    const volumes = await writePart({
      ...place,
      key,
      source: Readable.from([content]),
      volumeSize: 2_000_000,
    });
    await use({ ...place, codecs: [] }, { name: 'data.dump', kind: 'data', volumes }, content);
  });
}

describe('a program that stops reading a part', () => {
  it('has given its whole answer where it may stop early', () =>
    withPart(async (source, part, content) => {
      for (let count = 0; count < tries; count += 1) {
        const bytes = count * 150_000;
        const answer = await partReader(source).collect(part, shell(`head -c ${bytes} | sha256sum`));
        const expected = createHash('sha256').update(content.subarray(0, bytes)).digest('hex');
        assert.equal(answer.toString(), `${expected}  -\n`);
      }
    }));

  it('is what failed when it fails, not the pipe that it broke', () =>
    withPart(async (source, part) => {
      for (let count = 0; count < tries; count += 1) {
        const failing = shell(`head -c ${count * 150_000} > /dev/null; echo 'error: enough' >&2; exit 3`);
        await assert.rejects(decodeInto(source, part, failing), (error) => {
          assert.ok(error instanceof StageFailure, String(error));
          assert.equal(error.message, 'sh exited with code 3: error: enough');
          return true;
        });
      }
    }));
});
