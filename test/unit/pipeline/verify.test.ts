import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { parseCatalogKey, verificationKey } from '../../../src/pipeline/catalog/keys.ts';
import { createZstd } from '../../../src/pipeline/codec/zstd.ts';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import { withFolder } from '../../support/folder.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { machineTools } from '../../support/tools.ts';

it('a bad backup is called bad even where the outcome cannot be written down', () =>
  withFolder(async (path) => {
    const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
    const manifest = sampleManifest();
    const at = new Date('2026-01-05T00:00:00Z');
    // A folder that holds something stands where the mark is to go.
    const mark = verificationKey(manifest.backupId, { at, level: 'checksum', outcome: 'failed', seconds: 0 });
    await mkdir(join(path, mark), { recursive: true });
    await writeFile(join(path, mark, 'file'), '');
    const request = {
      manifest,
      storage,
      engine: createPostgresEngine(),
      codecs: [],
      context: engineContext(),
    };
    await assert.rejects(
      verify({ ...request, level: 'checksum', clock: () => at, onBytes: () => undefined }),
      { code: 'VERIFY_FAILED', message: /data\.dump\.zst is missing/ },
    );
  }));

it('damaged or missing bytes are recorded as what their hashes tell, and what is wrong in whole ones at its own level', () =>
  withFolder(async (path) => {
    const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
    const codecs = [await createZstd({ level: 1, tools: machineTools() })];
    const stored = Buffer.from('no frame of zstd');
    // zstd closes its output before it ends: on a busy machine pg_restore ends first, and is the one that is named.
    const undecodable = /zstd exited with code 1|pg_restore exited with code 1: .* too short/;
    const cases = [
      ['shop-20260102T030405Z-aaaaaa', stored, 'decode', undecodable],
      ['shop-20260102T030405Z-bbbbbb', Buffer.from('no frame of zstD'), 'checksum', /is damaged/],
      ['shop-20260102T030405Z-cccccc', null, 'checksum', /is missing/],
    ] as const;
    for (const [backupId, bytes, level, message] of cases) {
      const key = `data/${backupId}/aabcdefgh/data.dump.zst`;
      const sha256 = createHash('sha256').update(stored).digest('hex');
      const volumes = [{ key, bytes: stored.length, sha256 }];
      const manifest = sampleManifest({ backupId, parts: [{ name: 'data.dump', kind: 'data', volumes }] });
      await mkdir(dirname(join(path, 'shop', key)), { recursive: true });
      if (bytes) await writeFile(join(path, 'shop', key), bytes);
      const request = { manifest, storage, engine: createPostgresEngine(), codecs, context: engineContext() };
      await assert.rejects(
        verify({ ...request, level: 'decode', clock: () => new Date(), onBytes: () => undefined }),
        { code: 'VERIFY_FAILED', message },
      );
      const names = await readdir(join(path, 'shop', 'catalog'));
      const marks = names
        .map((name) => parseCatalogKey(`shop/catalog/${name}`))
        .filter((parsed) => parsed?.kind === 'verification' && parsed.backupId === backupId);
      assert.deepEqual(
        marks.map(
          (mark) => mark?.kind === 'verification' && [mark.verification.level, mark.verification.outcome],
        ),
        [[level, 'failed']],
      );
    }
  }));
