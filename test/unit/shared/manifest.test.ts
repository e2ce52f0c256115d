import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { decodeManifest, encodeManifest } from '../../../src/shared/manifest.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { chooseSeed, createSeeded } from '../../support/seeded.ts';

const key = 'shop/catalog/shop-20260102T030405Z-abc234.json';

/** The file with other fields and a seal that fits them, as somebody would forge it. */
function resealed(change: (fields: Record<string, unknown>) => void): Buffer {
  const fields: Record<string, unknown> = JSON.parse(encodeManifest(sampleManifest()).toString());
  delete fields.sha256;
  change(fields);
  const covered = `${JSON.stringify(fields, null, 2).slice(0, -2)},\n`;
  return Buffer.from(`${covered}  "sha256": "${createHash('sha256').update(covered).digest('hex')}"\n}\n`);
}

describe('a manifest', () => {
  it('is read back as it was written', () => {
    const manifest = sampleManifest();
    assert.deepEqual(decodeManifest(encodeManifest(manifest), key), manifest);
  });

  it('ends in a line with the sha256 of all bytes before it, which stock tools can check', () => {
    const file = encodeManifest(sampleManifest()).toString();
    const lines = file.trimEnd().split('\n');
    const covered = `${lines.slice(0, -2).join('\n')}\n`;
    assert.equal(lines.at(-2), `  "sha256": "${createHash('sha256').update(covered).digest('hex')}"`);
  });

  it('is refused when any one bit of it differs', (t) => {
    const seeded = createSeeded(chooseSeed());
    t.diagnostic(`TEST_SEED=${seeded.seed}`);
    const file = encodeManifest(sampleManifest());
    for (let round = 0; round < 100; round += 1) {
      const [offset, bit] = [seeded.below(file.length), seeded.below(8)];
      const flipped = Uint8Array.from(file).with(offset, (file[offset] ?? 0) ^ (1 << bit));
      assert.throws(
        () => decodeManifest(flipped, key),
        { code: 'MANIFEST_INVALID' },
        `bit ${bit} of byte ${offset}`,
      );
    }
  });

  it('is refused when it is cut, however little', () => {
    const file = encodeManifest(sampleManifest());
    for (const length of [0, 1, file.length >> 1, file.length - 1]) {
      assert.throws(() => decodeManifest(file.subarray(0, length), key), { code: 'MANIFEST_INVALID' });
    }
  });

  it('of a newer version is refused, with a hint to use a newer release', () => {
    const file = resealed((fields) => {
      fields.version = 2;
    });
    assert.throws(() => decodeManifest(file, key), { code: 'FORMAT_UNSUPPORTED', hint: /newer release/ });
  });

  it('with fields that this release does not know is read', () => {
    const file = resealed((fields) => {
      fields.later = { idea: true };
    });
    assert.equal(decodeManifest(file, key).backupId, sampleManifest().backupId);
  });

  for (const foreign of [
    '../../etc/passwd',
    '/etc/passwd',
    'data/shop-20260102T030405Z-abc234/aabcdefgh/../../../other',
    'data/shop-20260102T030405Z-abc234/azzzzzzzz/data.dump.zst',
    'data/crm-20260102T030405Z-abc234/aabcdefgh/data.dump.zst',
    'catalog/shop-20260102T030405Z-abc234.json',
  ]) {
    it(`that points at ${foreign} is refused`, () => {
      const file = resealed((fields) => {
        fields.parts = [
          { name: 'data.dump', kind: 'data', volumes: [{ key: foreign, bytes: 3, sha256: 'a'.repeat(64) }] },
        ];
      });
      assert.throws(() => decodeManifest(file, key), { code: 'MANIFEST_INVALID' });
    });
  }

  it('that could not be read back is not written', () => {
    assert.throws(() => encodeManifest(sampleManifest({ parts: [] })), { code: 'MANIFEST_INVALID' });
  });

  it('of version 1, as the first release wrote it, is read for ever', () => {
    const golden = readFileSync(new URL('../../fixtures/golden/manifest-v1.json', import.meta.url));
    assert.deepEqual(decodeManifest(golden, key), sampleManifest());
  });
});
