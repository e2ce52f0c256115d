import assert from 'node:assert/strict';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { claimStorage } from '../../../../../src/pipeline/catalog/installation.ts';
import { manifestKey, pinKey } from '../../../../../src/pipeline/catalog/keys.ts';
import { pin } from '../../../../../src/pipeline/pin.ts';
import { openStorage } from '../../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../../src/pipeline/storage/storage.ts';
import { keysIn, storeDamagedManifest, storeManifest } from '../../../../support/catalog-objects.ts';
import { assertComplaint } from '../../../../support/complaint.ts';
import { writeConfig } from '../../../../support/config.ts';
import { withFolder } from '../../../../support/folder.ts';
import { runInProcess } from '../../../../support/in-process.ts';
import type { CommandResult } from '../../../../support/installation.ts';

const signal = new AbortController().signal;
const backupId = 'shop-20260103T030405Z-abc234';
const older = 'shop-20260102T030405Z-abc234';
const names = ['main', 'copy', 'other'] as const;

interface Place {
  storages: Record<(typeof names)[number], Storage>;
  run: (...argv: string[]) => Promise<CommandResult>;
  /** Puts a link to itself where the folder of storage `copy` should be. */
  breakCopy: () => Promise<void>;
}

/** Three storages, of which `main` and `copy` hold the backup. */
function withCopies(use: (place: Place) => Promise<void>, { shared = false } = {}): Promise<void> {
  return withFolder(async (path) => {
    const paths = { main: join(path, 'main'), copy: join(path, 'copy'), other: join(path, 'other') };
    const copy = { path: paths.copy, shared };
    await writeConfig(path, { storages: { ...paths, copy }, databases: { shop: {} } });
    const open = (name: (typeof names)[number]) =>
      openStorage({ name, config: { type: 'local', path: paths[name] } });
    const storages = { main: await open('main'), copy: await open('copy'), other: await open('other') };
    for (const storage of [storages.main, storages.copy]) await storeManifest(storage, { backupId });
    await storeManifest(storages.other, { backupId: older });
    await use({
      storages,
      run: (...argv) => runInProcess({ path, env: {} }, ...argv),
      breakCopy: async () => {
        await rm(paths.copy, { recursive: true });
        await symlink('copy', paths.copy);
      },
    });
  });
}

async function pinned(storage: Storage): Promise<string[]> {
  return (await keysIn(storage)).filter((key) => key.endsWith('.pin'));
}

describe('pin', () => {
  it('marks the backup in every storage that holds it, and twice is once', () =>
    withCopies(async ({ storages, run }) => {
      const { code, stdout, stderr } = await run('pin', backupId);
      assert.deepEqual([code, stdout, stderr], [0, `${backupId} is pinned in main, copy\n`, '']);
      assert.deepEqual(await pinned(storages.main), [pinKey(backupId)]);
      assert.deepEqual(await pinned(storages.copy), [pinKey(backupId)]);
      assert.deepEqual(await pinned(storages.other), []);
      const mark = await json(await storages.copy.get(pinKey(backupId), { signal }));
      assert.deepEqual(Object.keys(mark as object), ['backupId', 'pinnedAt', 'installation']);
      const again = await run('pin', 'shop');
      assert.deepEqual([again.code, again.stdout], [0, `${backupId} is already pinned in main, copy\n`]);
    }));

  it('shows in list and in show', () =>
    withCopies(async ({ run }) => {
      await run('pin', backupId);
      assert.match((await run('list')).stdout, new RegExp(`^${backupId} .*unverified, pinned +main$`, 'm'));
      const { backups } = (await run('list', '--json')).json<{ backups: { pinned: boolean }[] }>();
      assert.deepEqual(
        backups.map((each) => each.pinned),
        [true, true, false],
      );
      assert.equal((await run('show', backupId, '--json')).json<{ pinned: boolean }>().pinned, true);
    }));

  it('is ended by unpin, everywhere, and twice is once', () =>
    withCopies(async ({ storages, run }) => {
      await run('pin', backupId);
      const result = await run('unpin', backupId, '--json');
      assert.deepEqual(result.json(), { backupId, pinned: false, storages: ['main', 'copy'] });
      for (const name of names) assert.deepEqual(await pinned(storages[name]), []);
      assert.equal(
        (await run('unpin', backupId)).stdout,
        `${backupId} is already not pinned in main, copy\n`,
      );
    }));

  it('is done elsewhere when one storage cannot be reached, which is told with exit code 5', () =>
    withCopies(async ({ storages, run, breakCopy }) => {
      await breakCopy();
      for (const verb of ['pin', 'unpin']) {
        const { code, stdout, stderr } = await run(verb, backupId);
        assert.equal(code, 5);
        assert.match(stdout, /pinned in main\n$/);
        assert.match(stderr, /^error: .*copy/);
        assert.deepEqual(await pinned(storages.main), verb === 'pin' ? [pinKey(backupId)] : []);
      }
      // Where it was not found, it may be in the storage that cannot be asked.
      assert.equal((await run('pin', 'shop-20250101T000000Z-abc234')).code, 5);
    }));

  it('refuses a backup that no storage holds', () =>
    withCopies(async ({ run }) => {
      for (const verb of ['pin', 'unpin']) {
        assertComplaint(await run(verb, 'shop-20260103T030405Z-abc235'), {
          code: 'BACKUP_NOT_FOUND',
          message: /storages main, copy, other/,
          hint: new RegExp(backupId),
        });
      }
    }));

  it('holds a backup whose manifest is damaged, too', () =>
    withCopies(async ({ storages, run }) => {
      await storeDamagedManifest(storages.copy, backupId);
      assert.equal((await run('pin', backupId)).code, 0);
      assert.equal((await pinned(storages.copy)).length, 1);
    }));

  it('ends the hold of a backup that was retired meanwhile', () =>
    withCopies(async ({ storages, run }) => {
      await run('pin', backupId);
      await storages.copy.remove([manifestKey(backupId)], signal);
      await storages.main.remove([manifestKey(backupId)], signal);
      assert.equal((await run('unpin', backupId)).code, 0);
      assert.deepEqual(await pinned(storages.copy), []);
    }));

  it('says so when the backup is retired as it is pinned, and leaves the hold on its bytes', () =>
    withCopies(async ({ storages: { main } }) => {
      const retiring: Storage = {
        ...main,
        put: async (...args) => {
          await main.remove([manifestKey(backupId)], signal);
          return main.put(...args);
        },
      };
      const claim = { storage: retiring, installation: 'default', shared: false, signal };
      await assert.rejects(pin({ ...claim, backupId, clock: () => new Date() }), {
        code: 'BACKUP_NOT_FOUND',
        message: /its bytes are kept/,
      });
      assert.deepEqual(await pinned(main), [pinKey(backupId)]);
    }));

  for (const shared of [false, true]) {
    it(`${shared ? 'marks' : 'refuses'} a backup in a storage of another installation that is ${shared ? '' : 'not '}shared`, () =>
      withCopies(
        async ({ storages, run }) => {
          await claimStorage({ storage: storages.copy, installation: 'theirs', shared: false, signal });
          const { code, stdout, stderr } = await run('pin', backupId);
          assert.equal(code, shared ? 0 : 4);
          assert.match(stdout, shared ? /in main, copy/ : /in main\n/);
          if (!shared) assert.match(stderr, /^error: .*"theirs"/);
          assert.equal((await pinned(storages.copy)).length, shared ? 1 : 0);
        },
        { shared },
      ));
  }
});
