import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { verificationKey } from '../../../src/pipeline/catalog/keys.ts';
import { engineFor } from '../../../src/pipeline/engine/engines.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import { withFolder } from '../../support/folder.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { engineContext } from '../../support/postgres-backup.ts';

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
      engine: engineFor('postgres'),
      codecs: [],
      context: engineContext(),
    };
    await assert.rejects(
      verify({ ...request, level: 'checksum', clock: () => at, onBytes: () => undefined }),
      { code: 'VERIFY_FAILED', message: /data\.dump\.zst is missing/ },
    );
  }));
