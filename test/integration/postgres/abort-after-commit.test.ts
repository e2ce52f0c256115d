import assert from 'node:assert/strict';
import { it } from 'node:test';
import { backup } from '../../../src/pipeline/backup.ts';
import { findManifest } from '../../../src/pipeline/catalog/catalog.ts';
import { manifestKey } from '../../../src/pipeline/catalog/keys.ts';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { BackupDataError } from '../../../src/shared/errors.ts';
import { withFolder } from '../../support/folder.ts';
import { sharedPostgres } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';

const backupId = 'shop-20260102T030405Z-abc234';

it('a run that is cancelled just after its commit is a success, because its backup is there', () =>
  withFolder(async (path) => {
    const server = await sharedPostgres();
    try {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const cancel = new AbortController();
      const committing: Storage = {
        ...storage,
        put: async (key, ...rest) => {
          const stored = await storage.put(key, ...rest);
          if (key === manifestKey(backupId)) cancel.abort(new BackupDataError('CANCELLED', 'cancelled'));
          return stored;
        },
      };
      const outcome = await backup({
        database: databaseConfig(server.url(await server.createDatabase())),
        installation: 'default',
        shared: false,
        backupId,
        attemptId: 'aabcdefgh',
        attempt: 1,
        trigger: { kind: 'manual' },
        engine: createPostgresEngine(),
        codecs: [],
        storage: committing,
        context: engineContext({ signal: cancel.signal }),
        clock: () => new Date(),
        wait: async () => undefined,
        fence: async () => undefined,
        onBytes: () => undefined,
        onPhase: () => undefined,
      });
      assert.equal(outcome.committedBy, 'this attempt');
      const signal = new AbortController().signal;
      assert.deepEqual(await findManifest({ storage, backupId, signal }), outcome.manifest);
    } finally {
      await server.stop();
    }
  }));
