import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../src/pipeline/storage/storage.ts';
import { type LocatedBackup, locateBackup } from '../../../../src/producer/operations/locate.ts';
import { unreadWarnings } from '../../../../src/producer/operations/unread.ts';
import { type ErrorCode, hasCode } from '../../../../src/shared/errors.ts';
import { storeDamagedManifest, storeManifest } from '../../../support/catalog-objects.ts';
import { sampleDatabase } from '../../../support/database.ts';
import { withFolder } from '../../../support/folder.ts';

const older = 'shop-20260102T030405Z-abc234';
const newer = 'shop-20260103T030405Z-abc234';

interface Place {
  first: Storage;
  second: Storage;
  locate: (backup: string, storage?: string) => Promise<LocatedBackup>;
  /** As a restore does. */
  locateForRestore: (backup: string) => Promise<LocatedBackup>;
  /** Puts a link to itself where the folder of a storage should be. */
  breakStorage: (name: 'first' | 'second') => Promise<void>;
}

/** Two storages; the database `shop` is configured for the second. */
function withStorages(use: (place: Place) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const storages = new Map<string, Storage>();
    for (const name of ['first', 'second']) {
      storages.set(name, await openStorage({ name, config: { type: 'local', path: join(folder, name) } }));
    }
    const storage = async (name: string): Promise<Storage> => {
      const found = storages.get(name);
      assert.ok(found, name);
      return found;
    };
    const resources = { storage, storageNames: [...storages.keys()] };
    const config = { databases: new Map([['shop', shop]]), servers: new Map() };
    await use({
      first: await storage('first'),
      second: await storage('second'),
      locate: (backup, name) =>
        locateBackup({ resources, config, backup, storage: name, signal: new AbortController().signal }),
      locateForRestore: (backup) =>
        locateBackup({ resources, config, backup, orOlder: true, signal: new AbortController().signal }),
      breakStorage: (name) => symlink(name, join(folder, name)),
    });
  });
}

const shop = sampleDatabase({ storage: 'second' });

function refuses(code: ErrorCode, words: RegExp, hint?: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(hasCode(error, code), String(error));
    assert.match(error.message, words);
    if (hint) assert.match(error.hint ?? '', hint);
    return true;
  };
}

describe('what an operator calls a backup', () => {
  it('is found by its id in whichever storage holds it', () =>
    withStorages(async ({ first, locate }) => {
      await storeManifest(first, { backupId: older });
      const { storage, manifest } = await locate(older);
      assert.deepEqual([storage.name, manifest.backupId], ['first', older]);
    }));

  it('is taken from the storage that its database is configured for when several hold it', () =>
    withStorages(async ({ first, second, locate }) => {
      await storeManifest(first, { backupId: older });
      await storeManifest(second, { backupId: older });
      assert.equal((await locate(older)).storage.name, 'second');
      assert.equal((await locate(older, 'first')).storage.name, 'first');
    }));

  it('is the latest one when it is the name of a database', () =>
    withStorages(async ({ second, locate }) => {
      await storeManifest(second, { backupId: newer });
      await storeManifest(second, { backupId: older });
      assert.equal((await locate('shop')).manifest.backupId, newer);
    }));

  it('may be of a database that is not configured any more', () =>
    withStorages(async ({ first, second, locate }) => {
      await storeManifest(first, { backupId: 'old-20260102T030405Z-abc234', database: 'old' });
      await storeManifest(second, { backupId: 'old-20260101T030405Z-abc234', database: 'old' });
      assert.equal((await locate('old')).manifest.backupId, 'old-20260102T030405Z-abc234');
    }));

  it('is taken from a copy when its manifest is damaged', () =>
    withStorages(async ({ first, second, locate }) => {
      await storeDamagedManifest(second, older);
      await assert.rejects(locate(older), refuses('MANIFEST_INVALID', /cannot be trusted/));
      await storeManifest(first, { backupId: older });
      assert.equal((await locate(older)).storage.name, 'first');
    }));

  it('is not replaced by an older one when the latest is damaged', () =>
    withStorages(async ({ second, locate }) => {
      await storeManifest(second, { backupId: older });
      await storeDamagedManifest(second, newer);
      await assert.rejects(locate('shop'), refuses('MANIFEST_INVALID', new RegExp(newer)));
    }));

  it('is found although another storage cannot be read', () =>
    withStorages(async ({ first, locate, breakStorage }) => {
      await storeManifest(first, { backupId: older });
      await breakStorage('second');
      assert.equal((await locate(older)).storage.name, 'first');
    }));

  it('is not said to be missing when a storage that may hold it cannot be read', () =>
    withStorages(async ({ locate, breakStorage }) => {
      await breakStorage('first');
      await assert.rejects(locate(older), refuses('STORAGE_UNAVAILABLE', /first/));
    }));

  it('is not an older one from elsewhere while the storage with the latest cannot be read', () =>
    withStorages(async ({ first, locate, breakStorage }) => {
      await storeManifest(first, { backupId: older });
      await breakStorage('second');
      await assert.rejects(locate('shop'), refuses('STORAGE_UNAVAILABLE', /second/));
    }));

  it('comes with where else its bytes may be, and with what could not be read before', () =>
    withStorages(async ({ first, second, locate }) => {
      await storeManifest(first, { backupId: older });
      await storeDamagedManifest(second, older);
      const { storage, others, unread, mayBeOlder } = await locate(older);
      assert.deepEqual(
        [storage.name, others.map(({ name }) => name), mayBeOlder],
        ['first', ['second'], false],
      );
      assert.deepEqual(
        unread.map((each) => [each.storage, each.error.code]),
        [['second', 'MANIFEST_INVALID']],
      );
      assert.deepEqual((await locate(older, 'first')).others, []);
    }));

  it('is the latest from a copy when only its own manifest is damaged: that is the same backup', () =>
    withStorages(async ({ first, second, locate }) => {
      await storeManifest(first, { backupId: newer });
      await storeDamagedManifest(second, newer);
      const { storage, manifest, mayBeOlder } = await locate('shop');
      assert.deepEqual([storage.name, manifest.backupId, mayBeOlder], ['first', newer, false]);
    }));

  it('is the latest of the others for a restore, which is told that there may be a later one', () =>
    withStorages(async ({ first, locateForRestore, breakStorage }) => {
      await breakStorage('second');
      await assert.rejects(locateForRestore('shop'), refuses('STORAGE_UNAVAILABLE', /second/));
      await storeManifest(first, { backupId: older });
      const located = await locateForRestore('shop');
      assert.deepEqual([located.storage.name, located.mayBeOlder], ['first', true]);
      const warnings = unreadWarnings(located, new Date('2026-01-02T06:04:05Z'));
      assert.match(warnings[0] ?? '', /^storage second cannot be read: /);
      assert.equal(warnings[1], `${older} (3h ago) is the latest that can be read; there may be a later one`);
    }));

  it('is refused for a restore, too, when no storage can be read, each of them named', () =>
    withStorages(async ({ locateForRestore, breakStorage }) => {
      await breakStorage('first');
      await breakStorage('second');
      await assert.rejects(locateForRestore('shop'), refuses('STORAGE_UNAVAILABLE', /second.*; .*first/));
    }));

  it('is refused with the ids that come near', () =>
    withStorages(async ({ first, second, locate }) => {
      await storeManifest(first, { backupId: older });
      await storeManifest(second, { backupId: newer });
      const meant = new RegExp(`^Did you mean ${newer}, ${older}\\?$`);
      await assert.rejects(
        locate(newer.replace('abc', 'abd')),
        refuses('BACKUP_NOT_FOUND', /in storages second, first$/, meant),
      );
      await assert.rejects(
        locate('shop-20260103T03'),
        refuses('BACKUP_NOT_FOUND', /shop-20260103T03/, meant),
      );
      await assert.rejects(
        locate(older, 'second'),
        refuses('BACKUP_NOT_FOUND', /in storage second$/, new RegExp(newer)),
      );
    }));

  it('is refused with the database that comes near, or with how to make a first backup', () =>
    withStorages(async ({ locate }) => {
      await assert.rejects(locate('shopp'), refuses('BACKUP_NOT_FOUND', /"shopp"/, /^Did you mean shop\?$/));
      await assert.rejects(
        locate('shop'),
        refuses('BACKUP_NOT_FOUND', /no backup of "shop" yet/, /backupdata backup shop/),
      );
      await assert.rejects(locate('../etc'), refuses('BACKUP_NOT_FOUND', /\.\.\/etc/, /backupdata list/));
    }));
});
