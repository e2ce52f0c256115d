import assert from 'node:assert/strict';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { claimStorage } from '../../../../../src/pipeline/catalog/installation.ts';
import { openStorage } from '../../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../../src/pipeline/storage/storage.ts';
import { widthOf } from '../../../../../src/producer/cli/output/text.ts';
import { keysIn, storeBackup, storeDamagedManifest, storeMark } from '../../../../support/catalog-objects.ts';
import { assertComplaint, assertJsonComplaint } from '../../../../support/complaint.ts';
import { writeConfig } from '../../../../support/config.ts';
import { withFolder } from '../../../../support/folder.ts';
import { runInProcess } from '../../../../support/in-process.ts';
import type { CommandResult } from '../../../../support/installation.ts';
import { sampleManifest } from '../../../../support/manifest.ts';
import { daysAgo, storePin, verified } from '../../../../support/retiring.ts';

const signal = new AbortController().signal;
const [newest, middle, oldest] = [daysAgo(0), daysAgo(1), daysAgo(2)];

interface Place {
  main: Storage;
  offsite: Storage;
  run: (...argv: string[]) => Promise<CommandResult>;
  /** Puts a link to itself where the folder of storage `offsite` should be. */
  breakOffsite: () => Promise<void>;
}

/** `shop` keeps one backup, and two copies; `crm` says nothing of it. */
function withShop(use: (place: Place) => Promise<void>, { owner = 'default' } = {}): Promise<void> {
  return withFolder(async (path) => {
    const paths = { main: join(path, 'main'), offsite: join(path, 'offsite') };
    await writeConfig(path, {
      storages: { main: paths.main, offsite: { path: paths.offsite, shared: owner !== 'default' } },
      databases: {
        shop: { retention: { last: 1 }, copies: [{ storage: 'offsite', retention: { last: 2 } }] },
        crm: {},
      },
    });
    const open = (name: 'main' | 'offsite') =>
      openStorage({ name, config: { type: 'local', path: paths[name] } });
    const [main, offsite] = [await open('main'), await open('offsite')];
    await claimStorage({ storage: main, installation: 'default', shared: false, signal });
    await claimStorage({ storage: offsite, installation: owner, shared: false, signal });
    for (const storage of [main, offsite])
      for (const backupId of [newest, middle, oldest]) await storeBackup(storage, { backupId });
    await use({
      main,
      offsite,
      run: (...argv) => runInProcess({ path, env: {} }, ...argv),
      breakOffsite: async () => {
        await rm(paths.offsite, { recursive: true });
        await symlink('offsite', paths.offsite);
      },
    });
  });
}

interface Document {
  databases: {
    database: string;
    storage: string;
    note: string | null;
    decisions: { backupId: string; bytes: number; decision: string; reasons: string[] }[];
  }[];
  warnings: string[];
}

function outcomes(result: CommandResult): Record<string, string[]> {
  return Object.fromEntries(
    result
      .json<Document>()
      .databases.map(({ database, storage, decisions }) => [
        `${database}/${storage}`,
        decisions.map(({ decision }) => decision),
      ]),
  );
}

describe('prune without --confirm', () => {
  it('tells of every database and storage what would become of each backup, and changes nothing', () =>
    withShop(async ({ main, offsite, run }) => {
      const before = [await keysIn(main), await keysIn(offsite)];
      const { code, stdout, stderr } = await run('prune');
      assert.equal(code, 0);
      assert.match(stderr, /^warning: backups that jobs name are not known, because of Redis/);
      const freed = (await main.stat(`shop/data/${middle}/aabcdefgh/data.dump.zst`, signal)).bytes * 2;
      assert.ok(
        stdout.includes(`shop in storage main: 2 of 3 would be retired, and ${freed} B freed a day later\n`),
        stdout,
      );
      assert.match(stdout, /^shop in storage offsite: 1 of 3 would be retired/m);
      assert.match(stdout, /^crm in storage main: no retention is configured/m);
      assert.match(stdout, new RegExp(`^${newest} .*keep +last 1`, 'm'));
      assert.match(stdout, new RegExp(`^${oldest} +2d ago +\\d+ B +RETIRE +no rule keeps it$`, 'm'));
      assert.match(stdout, /\n\nNothing was changed\. .*--confirm\.\n$/);
      assert.deepEqual(
        stdout.split('\n').filter((line) => widthOf(line) > 80),
        [],
      );
      assert.deepEqual([await keysIn(main), await keysIn(offsite)], before);
    }));

  it('prints the same as JSON, with every reason', () =>
    withShop(async ({ main, run }) => {
      await storePin(main, middle);
      await storeMark(main, newest, verified('failed'));
      const result = await run('prune', 'shop', '--json');
      assert.deepEqual([result.code, result.stderr], [0, '']);
      const [atHome, copies] = result.json<Document>().databases;
      assert.deepEqual([atHome?.database, atHome?.storage, atHome?.note], ['shop', 'main', null]);
      assert.deepEqual(
        atHome?.decisions.map(({ backupId, decision, reasons }) => [backupId, decision, reasons]),
        [
          [newest, 'keep', ['last 1', 'its verification failed']],
          [middle, 'keep', ['last 1', 'the last good backup', 'pinned']],
          [oldest, 'retire', ['no rule keeps it']],
        ],
      );
      assert.deepEqual(
        copies?.decisions.map(({ reasons }) => reasons),
        [['last 2', 'its verification failed'], ['last 2', 'the last good backup', 'pinned'], ['last 2']],
        'what was found at home counts of the copies too',
      );
      assert.match(result.json<Document>().warnings[0] ?? '', /because of Redis/);
    }));

  it('looks only at the storage that is asked for', () =>
    withShop(async ({ run }) => {
      const result = await run('prune', '--storage', 'offsite', '--json');
      assert.deepEqual(outcomes(result), { 'shop/offsite': ['keep', 'keep', 'retire'] });
      assertComplaint(await run('prune', 'crm', '--storage', 'offsite'), { code: 'USAGE', message: /crm/ });
      assertComplaint(await run('prune', '--storage', 'gone'), { code: 'STORAGE_UNKNOWN', message: /gone/ });
      assertComplaint(await run('prune', 'gone'), { code: 'DATABASE_UNKNOWN', message: /gone/ });
    }));

  for (const [what, source] of [
    ['an earlier server', { systemIdentifier: '7999', database: 'shop' }],
    ['definitions alone', { ...sampleManifest().source, extent: 'schema' }],
  ] as const)
    it(`judges backups of ${what} only with --all-sources`, () =>
      withShop(async ({ main, run }) => {
        const [old, older] = [daysAgo(10), daysAgo(11)];
        for (const backupId of [old, older]) await storeBackup(main, { backupId, source });
        const command = ['prune', 'shop', '--storage', 'main', '--json'];
        const decided = async (...more: string[]) => outcomes(await run(...command, ...more))['shop/main'];
        assert.deepEqual(await decided(), ['keep', 'retire', 'retire', 'keep', 'keep']);
        assert.deepEqual(await decided('--all-sources'), ['keep', 'retire', 'retire', 'keep', 'retire']);
      }));

  it('shows a damaged manifest as kept, even one of an instant that no calendar has', () =>
    withShop(async ({ main, run }) => {
      await storeDamagedManifest(main, 'shop-20269931T996099Z-abc234');
      const { code, stdout } = await run('prune', 'shop', '--storage', 'main');
      assert.equal(code, 0);
      assert.match(stdout, /^shop-20269931T996099Z-abc234 .* - +keep +its manifest/m);
    }));

  it('shows what can be read when one storage cannot, and ends with 5', () =>
    withShop(async ({ run, breakOffsite }) => {
      await breakOffsite();
      const result = await run('prune', '--json');
      assert.deepEqual(outcomes(result), { 'shop/main': ['keep', 'retire', 'retire'], 'crm/main': [] });
      assertJsonComplaint(result, { code: 'STORAGE_UNAVAILABLE', message: /offsite/ });
      assert.equal((await run('prune')).code, 5);
    }));

  it('retires nothing in a storage of another installation, and says so', () =>
    withShop(
      async ({ run }) => {
        const { code, stdout } = await run('prune', 'shop');
        assert.equal(code, 0);
        assert.match(stdout, /^shop in storage offsite: the storage belongs to another installation/m);
        assert.deepEqual(outcomes(await run('prune', 'shop', '--json'))['shop/offsite'], []);
      },
      { owner: 'theirs' },
    ));
});

describe('prune --confirm', () => {
  it('needs Redis, and retires nothing without it', () =>
    withShop(async ({ main, run }) => {
      const before = await keysIn(main);
      assertComplaint(await run('prune', 'shop', '--confirm'), {
        code: 'REDIS_UNAVAILABLE',
        message: /REDIS_URL/,
      });
      assert.deepEqual(await keysIn(main), before);
    }));
});
