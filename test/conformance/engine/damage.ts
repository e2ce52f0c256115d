import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { databaseFolder, manifestKey } from '../../../src/pipeline/catalog/keys.ts';
import { encodeManifest, type Manifest, type ManifestPart } from '../../../src/shared/manifest.ts';
import { type EngineRun, withEngineRun } from '../../support/engine-run.ts';
import { chooseSeed, createSeeded } from '../../support/seeded.ts';
import type { EngineProduct } from './subject.ts';

const flips = 20;

export function damageTests({ withSubject }: EngineProduct): void {
  it('refuses damaged objects before it opens the target', (context) => {
    const seeded = createSeeded(chooseSeed());
    context.diagnostic(`TEST_SEED=${seeded.seed}`);
    return withSubject((subject) =>
      withEngineRun(async (run) => {
        const manifest = await run.backUp(await subject.createSource());
        const path = join(run.path, databaseFolder(manifest.database), volumeOf(manifest).key);
        const whole = await readFile(path);
        const cuts = [0, 0.5, 0.99].map((share) => whole.subarray(0, Math.floor(whole.length * share)));
        const flipped = Array.from({ length: flips }, () => flip(whole, seeded.below(whole.length * 8)));
        const { target, options } = await subject.createTarget();
        for (const damaged of [...cuts, ...flipped]) {
          await writeFile(path, damaged);
          await assert.rejects(run.restoreTo(manifest, target, options), { code: 'OBJECT_DAMAGED' });
        }
        await writeFile(path, whole);
        // Only into an empty place, or one that is not there: so no damaged byte had reached it.
        await run.restoreTo(manifest, target, options);
      }),
    );
  });

  it('does not take a dump for whole that lacks its end', () =>
    withSubject((subject) =>
      withEngineRun(async (run) => {
        if (!subject.checksItself) return;
        const manifest = await run.backUp(await subject.createSource());
        for (const share of [0.1, 0.5, 0.99]) {
          const cut = await truncated(run, manifest, share);
          await assert.rejects(run.verify(cut, 'decode'), { code: 'VERIFY_FAILED' });
        }
      }),
    ));
}

/** The backup as it would be if its dump had ended early and nobody had noticed: every hash is right. */
async function truncated(run: EngineRun, manifest: Manifest, share: number): Promise<Manifest> {
  const folder = join(run.path, databaseFolder(manifest.database));
  const volume = volumeOf(manifest);
  const whole = zstdDecompressSync(await readFile(join(folder, volume.key)));
  const stored = zstdCompressSync(whole.subarray(0, Math.floor(whole.length * share)));
  const key = `${volume.key}.cut${share}`;
  await writeFile(join(folder, key), stored);
  const sha256 = createHash('sha256').update(stored).digest('hex');
  const cut = {
    ...manifest,
    parts: manifest.parts.map((part) =>
      part.kind === 'data' ? { ...part, volumes: [{ key, bytes: stored.length, sha256 }] } : part,
    ),
  };
  await writeFile(join(run.path, manifestKey(manifest.backupId)), encodeManifest(cut));
  return cut;
}

function volumeOf({ parts }: Manifest): ManifestPart['volumes'][number] {
  const volume = parts.find(({ kind }) => kind === 'data')?.volumes[0];
  if (volume) return volume;
  throw new Error('the backup has no data');
}

function flip(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}
