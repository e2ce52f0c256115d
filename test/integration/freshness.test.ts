import assert from 'node:assert/strict';
import { rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { manifestKey } from '../../src/pipeline/catalog/keys.ts';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { createResources } from '../../src/pipeline/resources.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import type { Freshness } from '../../src/producer/freshness/freshness.ts';
import type { FoundDatabases } from '../../src/producer/freshness/known-databases.ts';
import { startFreshness } from '../../src/producer/freshness/start.ts';
import type { Config, DatabaseConfig, ServerConfig } from '../../src/shared/config/schema.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { Secret } from '../../src/shared/secret.ts';
import { storeBackup, storeDamagedManifest, storeMark } from '../support/catalog-objects.ts';
import { sampleConfig, sampleDatabase } from '../support/database.ts';
import { withFolder } from '../support/folder.ts';
import { createMemoryLogger } from '../support/memory-logger.ts';
import { until } from '../support/until.ts';

const hour = 3_600_000;
const [first, second] = ['shop-20260102T030405Z-abc234', 'shop-20260103T030405Z-abc234'];
const firstAt = Date.parse('2026-01-02T03:04:05Z');
const { signal } = new AbortController();

describe('freshness', () => {
  it('tells the newest backup of each database, and that one is stale although nothing ran', () =>
    withBench({ databases: [shopWith({ maxAge: 25 * hour }), shopWith({ name: 'crm' })] }, async (bench) => {
      await storeBackup(bench.main, { backupId: first, usualBytes: 7 });
      bench.setTime(firstAt + 25 * hour);
      const freshness = bench.start();
      await until('both were read', () => freshness.databases().length === 2);
      const shop = freshness.get('shop');
      assert.deepEqual(shop?.newest, {
        backupId: first,
        snapshotAt: new Date(firstAt),
        finishedAt: new Date('2026-01-02T03:04:15.000Z'),
        duration: 10_000,
        bytes: 41,
        usualBytes: 7,
      });
      assert.deepEqual([shop?.stale, shop?.maxAge, shop?.entry], [false, 25 * hour, 'shop']);
      bench.setTime(firstAt + 25 * hour + 1);
      assert.equal(freshness.get('shop')?.stale, true);
      assert.deepEqual([freshness.get('crm')?.stale, freshness.get('crm')?.newest], [false, null]);
      assert.deepEqual([...freshness.storages()], [['main', null]]);

      await storeBackup(bench.main, { backupId: second });
      assert.equal((await freshness.refresh('shop', signal)).stale, false);
      assert.equal(freshness.get('shop')?.newest?.backupId, second);
    }));

  it('takes the limit from the schedule where none is given, and none where there is no schedule', () =>
    withBench(
      {
        databases: [
          shopWith({ schedule: '0 3 * * *', spread: 600_000 }),
          shopWith({ name: 'crm', schedule: '0 3 * * *', maxAge: hour }),
          shopWith({ name: 'wiki' }),
        ],
      },
      async (bench) => {
        await storeBackup(bench.main, { backupId: first });
        bench.setTime(firstAt + 48 * hour);
        const freshness = bench.start();
        await until('all were read', () => freshness.databases().length === 3);
        const told = ['shop', 'crm', 'wiki'].map((name) => freshness.get(name));
        assert.deepEqual(
          told.map((each) => [each?.maxAge, each?.stale]),
          [
            [48 * hour + 600_000, false],
            [hour, true],
            [null, false],
          ],
        );
        bench.setTime(firstAt + 48 * hour + 600_001);
        assert.equal(freshness.get('shop')?.stale, true);
      },
    ));

  it('lets a damaged backup not count, says so once, and reads no manifest twice', () =>
    withBench({ databases: [shopWith({})] }, async ({ main, start, lines }) => {
      await storeBackup(main, { backupId: first });
      await storeDamagedManifest(main, second);
      const freshness = start();
      for (let times = 0; times < 3; times += 1) await freshness.refresh('shop', signal);
      assert.equal(freshness.get('shop')?.newest?.backupId, first);
      assert.deepEqual(lines, ['warn a backup does not count: its manifest cannot be read']);
      await storeDamagedManifest(main, first);
      assert.equal((await freshness.refresh('shop', signal)).newest?.backupId, first);
      assert.equal(lines.length, 1);
    }));

  it('lets a backup of a time to come not count, so that it hides no other and no outage', () =>
    withBench({ databases: [shopWith({ maxAge: hour })] }, async ({ main, start, setTime, lines }) => {
      setTime(firstAt);
      const ahead = 'shop-20360102T030405Z-abc234';
      await storeBackup(main, { backupId: ahead });
      await storeBackup(main, { backupId: first });
      const freshness = start();
      for (let times = 0; times < 3; times += 1) await freshness.refresh('shop', signal);
      assert.equal(freshness.get('shop')?.newest?.backupId, first);
      assert.deepEqual(lines, ['warn a backup does not count: it is of a time to come']);
      setTime(firstAt + hour + 1);
      assert.equal((await freshness.refresh('shop', signal)).stale, true);
      setTime(Date.parse('2036-01-02T02:30:00Z'));
      const late = await freshness.refresh('shop', signal);
      assert.deepEqual([late.newest?.backupId, late.stale], [ahead, false], 'clocks differ a little');
    }));

  it('goes by the data, not by the id: a slot that was made up for late holds the newest', () =>
    withBench({ databases: [shopWith({})] }, async ({ main, start }) => {
      await storeBackup(main, { backupId: first, snapshotAt: '2026-01-09T00:00:00.000Z' });
      const freshness = start();
      await freshness.refresh('shop', signal);
      await storeBackup(main, { backupId: second });
      assert.equal((await freshness.refresh('shop', signal)).newest?.backupId, first);
      await main.remove([manifestKey(first)], signal);
      assert.equal((await freshness.refresh('shop', signal)).newest?.backupId, second);
    }));

  it('tells the newest proof of any backup, and whether that of the newest failed', () =>
    withBench({ databases: [shopWith({})] }, async ({ main, start }) => {
      for (const backupId of [first, second]) await storeBackup(main, { backupId });
      const at = (day: number) => new Date(Date.UTC(2026, 0, day));
      const mark = { level: 'decode', seconds: 1 } as const;
      await storeMark(main, first, { ...mark, at: at(4), outcome: 'ok' });
      await storeMark(main, second, { ...mark, at: at(5), outcome: 'failed' });
      const freshness = start();
      const bad = await freshness.refresh('shop', signal);
      assert.deepEqual([bad.proven?.at, bad.verificationFailed], [at(4), true]);
      await storeMark(main, second, { ...mark, at: at(6), outcome: 'ok' });
      const good = await freshness.refresh('shop', signal);
      assert.deepEqual([good.proven?.at, good.verificationFailed], [at(6), false]);
    }));

  it('keeps what a storage held that cannot be read, tells why, and reads the others', () =>
    withBench(
      { databases: [shopWith({ maxAge: hour }), shopWith({ name: 'crm', storage: 'other' })] },
      async ({ main, folder, start, setTime, lines }) => {
        await storeBackup(main, { backupId: first });
        setTime(firstAt);
        const path = join(folder, 'main');
        const freshness = start(5);
        await until('both were read', () => freshness.databases().length === 2);
        await rename(path, `${path}.away`);
        // No such link can be followed, whoever asks.
        await symlink(path, path);
        await until('it is told', () => freshness.storages().get('main') !== null);
        assert.match(freshness.storages().get('main') ?? '', /the storage main/);
        assert.equal(freshness.storages().get('other'), null);
        assert.equal(freshness.get('shop')?.newest?.backupId, first);
        setTime(firstAt + hour + 1);
        assert.equal(freshness.get('shop')?.stale, true, 'what is known grows old all the same');
        await assert.rejects(freshness.refresh('shop', signal), { code: 'STORAGE_UNAVAILABLE' });

        const later = start();
        await until('the other was read', () => later.databases().length === 1);
        assert.equal(later.get('shop'), undefined, 'nothing is known, and nothing is told');

        await rm(path);
        await rename(`${path}.away`, path);
        await until('it is read again', () => freshness.storages().get('main') === null);
        assert.equal(lines.filter((line) => /cannot be read; what/.test(line)).length, 2, lines.join('\n'));
      },
    ));

  it('forgets what left the configuration, and holds what came to it', () =>
    withBench({ databases: [shopWith({}), shopWith({ name: 'crm' })] }, async ({ start, reload }) => {
      const freshness = start(5);
      await until('both were read', () => freshness.databases().length === 2);
      reload({ databases: [shopWith({ name: 'crm', maxAge: hour })] });
      assert.deepEqual(
        freshness.databases().map(({ database, stale }) => [database, stale]),
        [['crm', true]],
        'at once',
      );
      await assert.rejects(freshness.refresh('shop', signal), { code: 'DATABASE_UNKNOWN' });
      reload({ databases: [shopWith({ name: 'wiki' })] });
      await until('it was read', () => freshness.get('wiki') !== undefined);
      assert.equal(freshness.databases().length, 1);
    }));

  it('knows the databases of a server: those that have backups, those that never had one, and those that are gone', () =>
    withBench({ servers: [mainServer({ maxAge: hour, exclude: ['left_out'] })] }, async (bench) => {
      const { main, start, setTime, found } = bench;
      for (const database of ['shop', 'gone', 'left_out', '~53hop'])
        await storeBackup(main, { backupId: `main.${database}-20260102T030405Z-abc234` });
      setTime(firstAt + 2 * hour);
      const freshness = start(5);
      const staleness = () =>
        Object.fromEntries(freshness.databases().map(({ database, stale }) => [database, stale]));
      await until('they were read', () => freshness.databases().length === 3);
      const told = { 'main.shop': true, 'main.gone': true, 'main.~53hop': true };
      assert.deepEqual(staleness(), told, 'as long as nobody knows better');
      assert.equal(freshness.get('main.shop')?.entry, 'main');

      found.set('main', {
        at: new Date(firstAt + hour),
        names: new Set(['main.shop', 'main.new', 'main.~53hop', 'main.left_out']),
      });
      await until('they were read again', () => freshness.get('main.new') !== undefined);
      assert.deepEqual(staleness(), { ...told, 'main.gone': false, 'main.new': true });
      assert.equal((await freshness.refresh('main.shop', signal)).entry, 'main');

      found.set('main', { at: new Date(firstAt + hour), names: new Set() });
      await until('it is forgotten', () => freshness.get('main.new') === undefined);
      const { backupId } = await storeBackup(main, {
        backupId: 'main.gone-20260102T050405Z-abc234',
        snapshotAt: '2026-01-02T05:04:05.000Z',
      });
      setTime(firstAt + 9 * hour);
      assert.equal((await freshness.refresh('main.gone', signal)).newest?.backupId, backupId);
      assert.equal(freshness.get('main.gone')?.stale, true, 'it was there after the server was asked');
    }));

  it('ends while it reads', () =>
    withBench({ databases: [shopWith({})] }, async ({ start }) => {
      await start().close();
    }));
});

function shopWith(changes: Parameters<typeof sampleDatabase>[0]): DatabaseConfig {
  return sampleDatabase(changes);
}

function mainServer({ exclude, maxAge }: { exclude: string[]; maxAge: number }): ServerConfig {
  const url = new Secret('postgres://127.0.0.1:1/postgres');
  return { template: sampleDatabase({ name: 'main', url, maxAge }), include: [], exclude };
}

interface Sources {
  databases?: readonly DatabaseConfig[];
  servers?: readonly ServerConfig[];
}

interface Bench {
  folder: string;
  /** The storage `main`; there is one called `other` too. */
  main: Storage;
  lines: readonly string[];
  found: Map<string, FoundDatabases>;
  setTime(milliseconds: number): void;
  reload(sources: Sources): void;
  /** Reads everything again after so many milliseconds; closed afterwards. */
  start(interval?: number): Freshness;
}

function withBench(sources: Sources, use: (bench: Bench) => Promise<void>): Promise<void> {
  return withFolder((folder) =>
    withReleases(async (releases) => {
      const logger = createMemoryLogger();
      const found: Bench['found'] = new Map();
      let now = Date.now();
      let loaded = load(folder, sources);
      await use({
        folder,
        lines: logger.lines,
        found,
        main: await openStorage({ name: 'main', config: { type: 'local', path: join(folder, 'main') } }),
        setTime: (milliseconds) => {
          now = milliseconds;
        },
        reload: (changed) => {
          loaded = load(folder, changed);
        },
        start: (interval = hour) => {
          const freshness = startFreshness({
            current: () => loaded,
            logger,
            clock: () => new Date(now),
            interval,
            known: { found: (server) => found.get(server) },
          });
          releases.push(freshness.close);
          return freshness;
        },
      });
    }),
  );
}

function load(folder: string, { databases = [], servers = [] }: Sources) {
  const config: Config = sampleConfig({
    databases,
    servers: new Map(servers.map((server) => [server.template.name, server])),
    storages: new Map(
      ['main', 'other'].map((name) => [
        name,
        { type: 'local' as const, path: join(folder, name), shared: false },
      ]),
    ),
  });
  return {
    config,
    resources: createResources({ config, tools: createTools({ path: '', only: undefined }) }),
  };
}
