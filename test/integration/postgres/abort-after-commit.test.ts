import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type BackupOutcome, backup } from '../../../src/pipeline/backup.ts';
import { findManifest } from '../../../src/pipeline/catalog/catalog.ts';
import { databaseFolder, manifestKey } from '../../../src/pipeline/catalog/keys.ts';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { checkPart } from '../../../src/pipeline/part/read.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { BackupDataError } from '../../../src/shared/errors.ts';
import { withFolder } from '../../support/folder.ts';
import { sharedPostgres } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';

const backupId = 'shop-20260102T030405Z-abc234';

it('a run that is cancelled just after its commit is a success, because its backup is there', () =>
  withStorage(async (storage, url) => {
    const cancel = new AbortController();
    const committing: Storage = {
      ...storage,
      put: async (key, ...rest) => {
        const stored = await storage.put(key, ...rest);
        if (key === manifestKey(backupId)) cancel.abort(cancelled);
        return stored;
      },
    };
    const outcome = await backUp({ storage: committing, url, signal: cancel.signal });
    assert.equal(outcome.committedBy, 'this attempt');
    assert.deepEqual(await findManifest({ storage, backupId, signal }), outcome.manifest);
  }));

it('a run that is cancelled while its manifest is on the way leaves what that manifest needs', () =>
  withStorage(async (storage, url) => {
    const cancel = new AbortController();
    const arriving: (() => Promise<unknown>)[] = [];
    const slow: Storage = {
      ...storage,
      put: async (key, body, options) => {
        if (key !== manifestKey(backupId)) return storage.put(key, body, options);
        arriving.push(() => storage.put(key, body, { ...options, signal }));
        cancel.abort(cancelled);
        throw cancelled;
      },
    };
    await assert.rejects(
      backUp({ storage: slow, url, signal: cancel.signal }),
      (error) => error === cancelled,
    );
    assert.equal(await findManifest({ storage, backupId, signal }), undefined);
    for (const arrive of arriving) await arrive();
    const manifest = await findManifest({ storage, backupId, signal });
    assert.ok(manifest && arriving.length === 1);
    for (const part of manifest.parts)
      await checkPart({ storage, folder: databaseFolder('shop'), part, signal });
  }));

const signal = new AbortController().signal;
const cancelled = new BackupDataError('CANCELLED', 'cancelled');

/** An empty storage, and the URL of an empty database. */
function withStorage(use: (storage: Storage, url: string) => Promise<void>): Promise<void> {
  return withFolder(async (path) => {
    const server = await sharedPostgres();
    try {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      await use(storage, server.url(await server.createDatabase()));
    } finally {
      await server.stop();
    }
  });
}

function backUp(given: { storage: Storage; url: string; signal: AbortSignal }): Promise<BackupOutcome> {
  return backup({
    database: databaseConfig(given.url),
    installation: 'default',
    shared: false,
    backupId,
    attemptId: 'aabcdefgh',
    attempt: 1,
    trigger: { kind: 'manual' },
    engine: createPostgresEngine(),
    codecs: [],
    storage: given.storage,
    context: engineContext({ signal: given.signal }),
    clock: () => new Date(),
    wait: async () => undefined,
    fence: async () => undefined,
    onBytes: () => undefined,
    onPhase: () => undefined,
    onWarning: () => undefined,
  });
}
