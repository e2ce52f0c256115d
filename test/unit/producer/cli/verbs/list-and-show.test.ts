import assert from 'node:assert/strict';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openStorage } from '../../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../../src/pipeline/storage/storage.ts';
import { widthOf } from '../../../../../src/producer/cli/output/text.ts';
import { storeDamagedManifest, storeManifest, storeMark } from '../../../../support/catalog-objects.ts';
import { assertComplaint, assertJsonComplaint } from '../../../../support/complaint.ts';
import { writeConfig } from '../../../../support/config.ts';
import { withFolder } from '../../../../support/folder.ts';
import { runInProcess } from '../../../../support/in-process.ts';
import type { CommandResult } from '../../../../support/installation.ts';

const oldest = 'shop-20260101T030405Z-abc234';
const middle = 'crm-20260102T030405Z-abc234';
const newest = 'shop-20260103T030405Z-abc234';

interface Place {
  main: Storage;
  other: Storage;
  run: (...argv: string[]) => Promise<CommandResult>;
  /** Puts a link to itself where the folder of storage `other` should be. */
  breakOther: () => Promise<void>;
}

function withTwoStorages(use: (place: Place) => Promise<void>): Promise<void> {
  return withFolder(async (path) => {
    const paths = { main: join(path, 'main'), other: join(path, 'other') };
    await writeConfig(path, { storages: paths, databases: { shop: {}, crm: {} } });
    const open = (name: 'main' | 'other') =>
      openStorage({ name, config: { type: 'local', path: paths[name] } });
    await use({
      main: await open('main'),
      other: await open('other'),
      run: (...argv) => runInProcess({ path, env: {} }, ...argv),
      breakOther: async () => {
        await rm(paths.other, { recursive: true, force: true });
        await symlink('other', paths.other);
      },
    });
  });
}

interface Listed {
  backups: {
    backupId: string;
    storage: string;
    bytes: number | null;
    verification: string;
    problem: { code: string } | null;
  }[];
}

const ids = (result: CommandResult) => result.json<Listed>().backups.map(({ backupId }) => backupId);

describe('list', () => {
  it('prints the backups of every storage, newest first', () =>
    withTwoStorages(async ({ main, other, run }) => {
      await storeManifest(main, { backupId: oldest });
      await storeManifest(other, { backupId: middle, database: 'crm' });
      await storeManifest(main, { backupId: newest });
      assert.deepEqual(ids(await run('list', '--json')), [newest, middle, oldest]);
      assert.deepEqual(ids(await run('list', 'shop', '--json')), [newest, oldest]);
      assert.deepEqual(ids(await run('list', '--storage', 'other', '--json', '--here')), [middle]);
    }));

  it('fits 80 columns and names storage and verification of each backup', () =>
    withTwoStorages(async ({ main, other, run }) => {
      await storeManifest(main, { backupId: newest, bytes: 1_234_567_890 });
      await storeManifest(other, { backupId: newest, bytes: 1_234_567_890 });
      await storeMark(main, newest, {
        at: new Date('2026-01-04'),
        level: 'decode',
        outcome: 'ok',
        seconds: 3,
      });
      const { stdout, stderr, code } = await run('list');
      assert.deepEqual([code, stderr], [0, '']);
      const lines = stdout.trimEnd().split('\n');
      assert.deepEqual(
        lines.filter((line) => widthOf(line) > 80),
        [],
      );
      assert.match(lines[1] ?? '', new RegExp(`^${newest} .* 1\\.1 GiB .*decoded +main$`));
      assert.match(lines[2] ?? '', new RegExp(`^${newest} .*unverified +other$`));
    }));

  it('lists a backup whose manifest is damaged as such, and the others as ever', () =>
    withTwoStorages(async ({ main, run }) => {
      await storeManifest(main, { backupId: oldest });
      await storeDamagedManifest(main, newest);
      const { code, stdout, stderr } = await run('list');
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^${newest} .*DAMAGED`, 'm'));
      assert.match(stdout, new RegExp(`^${oldest} .*unverified`, 'm'));
      assert.match(stderr, /^warning: the manifest .* cannot be trusted/);
      const [damaged, whole] = (await run('list', '--json')).json<Listed>().backups;
      assert.deepEqual([damaged?.problem?.code, damaged?.bytes], ['MANIFEST_INVALID', null]);
      assert.deepEqual([whole?.problem, whole?.bytes], [null, 3]);
    }));

  it('prints what can be read when one storage cannot, and ends with 5', () =>
    withTwoStorages(async ({ main, run, breakOther }) => {
      await storeManifest(main, { backupId: newest });
      await breakOther();
      const text = await run('list');
      assert.equal(text.code, 5);
      assert.match(text.stdout, new RegExp(newest));
      assert.match(text.stderr, /^error: .*other/);
      const json = await run('list', '--json');
      assert.deepEqual(ids(json), [newest]);
      assertJsonComplaint(json, { code: 'STORAGE_UNAVAILABLE', message: /other/ });
    }));

  it('does not call a storage empty that cannot be read', () =>
    withTwoStorages(async ({ run, breakOther }) => {
      await breakOther();
      assertComplaint(await run('list', '--storage', 'other'), {
        code: 'STORAGE_UNAVAILABLE',
        message: /other/,
      });
    }));

  it('says how to make a backup when there is none', () =>
    withTwoStorages(async ({ run }) => {
      assert.match(
        (await run('list', 'crm')).stdout,
        /^There are no backups yet\. .*`backupdata backup crm`/,
      );
      assert.match((await run('list', '--storage', 'other')).stdout, /no backups in storage other yet/);
      assert.deepEqual((await run('list', '--json')).json(), { backups: [] });
    }));

  it('refuses a database that is neither configured nor stored, and a storage that is not configured', () =>
    withTwoStorages(async ({ main, run }) => {
      for (const name of ['gone', 'Shop', '../main']) {
        assertComplaint(await run('list', name), {
          code: 'DATABASE_UNKNOWN',
          message: /no database/,
          hint: /shop, crm/,
        });
      }
      assertComplaint(await run('list', '--storage', 'gone'), { code: 'STORAGE_UNKNOWN', message: /gone/ });
      await storeManifest(main, { backupId: 'gone-20260101T030405Z-abc234', database: 'gone' });
      assert.deepEqual(ids(await run('list', 'gone', '--json')), ['gone-20260101T030405Z-abc234']);
    }));
});

describe('show', () => {
  it('prints the manifest, the copies and the verifications of a backup', () =>
    withTwoStorages(async ({ main, other, run }) => {
      const manifest = await storeManifest(main, { backupId: newest });
      await storeManifest(other, { backupId: newest });
      await storeMark(main, newest, {
        at: new Date('2026-01-04'),
        level: 'checksum',
        outcome: 'ok',
        seconds: 3,
      });
      await storeMark(main, newest, {
        at: new Date('2026-01-05'),
        level: 'decode',
        outcome: 'failed',
        seconds: 4,
      });
      assert.deepEqual((await run('show', 'shop', '--json')).json(), {
        manifest,
        storage: 'main',
        copies: [{ storage: 'other', state: 'copied', verification: 'unverified' }],
        verifications: [
          { at: '2026-01-05T00:00:00.000Z', level: 'decode', outcome: 'failed', seconds: 4 },
          { at: '2026-01-04T00:00:00.000Z', level: 'checksum', outcome: 'ok', seconds: 3 },
        ],
        pinned: false,
      });
    }));

  it('says of another manifest by that id, and of one that is damaged, why it is no copy', () =>
    withTwoStorages(async ({ main, other, run }) => {
      await storeManifest(main, { backupId: newest });
      const attemptId = 'abbbbbbbb';
      const key = `data/${newest}/${attemptId}/data.dump`;
      const volumes = [{ key, bytes: 3, sha256: 'a'.repeat(64) }];
      await storeManifest(other, {
        backupId: newest,
        attemptId,
        parts: [{ name: 'data.dump', kind: 'data', volumes }],
      });
      const copyOf = async () =>
        (await run('show', newest, '--json')).json<{ copies: { state: string; error: { code: string } }[] }>()
          .copies[0];
      const rival = await copyOf();
      assert.deepEqual([rival?.state, rival?.error.code], ['failed', 'OBJECT_EXISTS']);
      await storeDamagedManifest(other, newest);
      const damaged = await copyOf();
      assert.deepEqual([damaged?.state, damaged?.error.code], ['failed', 'MANIFEST_INVALID']);
    }));

  it('tells people the same within 80 columns, notes broken between words', () =>
    withTwoStorages(async ({ main, run }) => {
      await storeManifest(main, { backupId: newest, notes: ['a note of many words '.repeat(8).trim()] });
      const { code, stdout, stderr } = await run('show', newest);
      assert.deepEqual([code, stderr], [0, '']);
      assert.deepEqual(
        stdout.split('\n').filter((line) => widthOf(line) > 80),
        [],
      );
      assert.match(stdout, new RegExp(`^backup +${newest}$`, 'm'));
      assert.match(stdout, /^verified +never$/m);
      assert.match(stdout, /^data\.dump +data +3 B +1$/m);
    }));

  it('shows a backup although another storage cannot be asked for a copy', () =>
    withTwoStorages(async ({ main, run, breakOther }) => {
      await storeManifest(main, { backupId: newest });
      await breakOther();
      const { code, stderr } = await run('show', newest);
      assert.equal(code, 0);
      assert.match(stderr, /^warning: .*other/);
    }));

  it('refuses a backup that is not there, with the one that may be meant', () =>
    withTwoStorages(async ({ main, run }) => {
      await storeManifest(main, { backupId: newest });
      assertComplaint(await run('show', oldest), {
        code: 'BACKUP_NOT_FOUND',
        message: /storages main, other/,
        hint: new RegExp(newest),
      });
      assertComplaint(await run('show'), { code: 'USAGE', message: /an argument is missing/ });
    }));
});
