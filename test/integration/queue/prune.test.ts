import assert from 'node:assert/strict';
import { mkdir, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type JobsOptions, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { listEntries } from '../../../src/pipeline/catalog/catalog.ts';
import { claimStorage } from '../../../src/pipeline/catalog/installation.ts';
import { manifestKey, prunedKey } from '../../../src/pipeline/catalog/keys.ts';
import { putPrunedMark } from '../../../src/pipeline/catalog/pruned.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import type { Client } from '../../../src/producer/client/client.ts';
import { withClient } from '../../../src/producer/client/open.ts';
import { loadConfig } from '../../../src/shared/config/load.ts';
import type { DatabaseConfig } from '../../../src/shared/config/schema.ts';
import { leaseKey, redisPrefix } from '../../../src/shared/queues/names.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { keysIn, storeBackup } from '../../support/catalog-objects.ts';
import { assertComplaint } from '../../support/complaint.ts';
import { type Installation, quickQueue, withInstallation } from '../../support/installation.ts';
import { assertNothingBroken, daysAgo } from '../../support/retiring.ts';
import { until } from '../../support/until.ts';

const signal = new AbortController().signal;
const unreachable = 'postgres://nobody@127.0.0.1:1/nothing';

interface Place {
  installation: Installation;
  main: Storage;
  offsite: Storage;
  offsitePath: string;
  owner: string;
}

/** An installation whose `shop` keeps one backup and two copies; `crm` is in a pool that no worker takes. */
function withShop(use: (place: Place) => Promise<void>, { shared = false } = {}): Promise<void> {
  return withInstallation(async (installation) => {
    const { path, backups, configure, env } = installation;
    const offsitePath = join(path, 'offsite');
    const copies = [{ storage: 'offsite', retention: { last: 2 } }];
    await configure({
      storages: {
        main: { type: 'local', path: backups },
        offsite: { type: 'local', path: offsitePath, shared },
      },
      databases: {
        shop: { engine: 'postgres', url: unreachable, storage: 'main', retention: { last: 1 }, copies },
        crm: { engine: 'postgres', url: unreachable, storage: 'main', pool: 'eu' },
      },
      queue: { ...quickQueue, attempts: 1 },
    });
    const main = await openStorage({ name: 'main', config: { type: 'local', path: backups } });
    const offsite = await openStorage({ name: 'offsite', config: { type: 'local', path: offsitePath } });
    const owner = env.BACKUPDATA_INSTALLATION ?? '';
    await claimStorage({ storage: main, installation: owner, shared: false, signal });
    await use({ installation, main, offsite, offsitePath, owner });
  });
}

describe('a prune that was shown by another configuration than the worker has', () => {
  it('retires nothing, and says so', () =>
    withShop(async ({ installation, main }) => {
      const { configure, run, start, backups } = installation;
      const ids = await storeDays(main, 3);
      await start(['worker']);
      await configure({
        storages: { main: { type: 'local', path: backups } },
        databases: { shop: { engine: 'postgres', url: unreachable, retention: { last: 2 } } },
        queue: { ...quickQueue, attempts: 1 },
      });
      assertComplaint(await run('prune', 'shop', '--confirm'), {
        code: 'CONFIG_DRIFT',
        message: /by another policy than was shown; nothing was retired/,
      });
      assert.deepEqual(await listed(main), ids);
    }));
});

/** One backup a day; where another storage has them already, under the ids of `same`: a second may have passed since. */
async function storeDays(storage: Storage, count: number, same: readonly string[] = []): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => same[index] ?? daysAgo(index));
  for (const backupId of ids) await storeBackup(storage, { backupId });
  return ids;
}

async function listed(storage: Storage): Promise<string[]> {
  return (await listEntries({ storage, database: undefined, signal })).map(({ backupId }) => backupId);
}

async function withQueues(
  { path, env }: Installation,
  use: (session: {
    client: Client;
    redis: Redis;
    database: (name: string) => DatabaseConfig;
  }) => Promise<void>,
): Promise<void> {
  const config = await loadConfig({ file: undefined, env, cwd: path });
  await withClient({ config, redisUrl: new Secret(env.REDIS_URL ?? '') }, (session) =>
    use({
      ...session,
      database: (name) => {
        const found = config.databases.get(name);
        assert.ok(found);
        return found;
      },
    }),
  );
}

describe('a prune through the queue', () => {
  it('follows a commit by itself, once that is verified', () =>
    withInstallation(async ({ postgres, backups, configure, run, start }) => {
      const url = postgres.url(await postgres.createDatabase());
      await configure({ databases: { shop: { engine: 'postgres', url, retention: { last: 1 } } } });
      await start(['worker']);
      const made: string[] = [];
      for (let count = 0; count < 2; count += 1) {
        const result = await run('backup', 'shop', '--json');
        assert.equal(result.code, 0, result.stderr);
        made.push(result.json<{ runs: { backupId: string }[] }>().runs[0]?.backupId ?? '');
      }
      const storage = await openStorage({ name: 'main', config: { type: 'local', path: backups } });
      const [older = '', newer = ''] = made;
      await until('the older one is retired', async () => (await listed(storage)).length === 1, 20_000);
      assert.deepEqual(await listed(storage), [newer]);
      const keys = await keysIn(storage);
      assert.ok(keys.includes(prunedKey(older)), 'its mark');
      assert.ok(
        keys.some((key) => key.includes(`/data/${older}/`)),
        'its parts, for a day',
      );
      assert.equal((await run('verify', newer)).code, 0);
    }));

  it('retires in the storage and in each copy by its own retention, and says what', () =>
    withShop(async ({ installation, main, offsite, owner }) => {
      await claimStorage({ storage: offsite, installation: owner, shared: false, signal });
      const ids = await storeDays(main, 3);
      await storeDays(offsite, 3, ids);
      const [newest = '', middle = '', oldest = ''] = ids;
      await installation.start(['worker']);
      const { code, stdout, stderr } = await installation.run('prune', 'shop', '--confirm');
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trimEnd().split('\n'), [
        `${middle}  retired from main`,
        `${oldest}  retired from main`,
        `${oldest}  retired from offsite`,
      ]);
      assert.deepEqual([await listed(main), await listed(offsite)], [[newest], [newest, middle]]);
      for (const storage of [main, offsite]) await assertNothingBroken(storage);
      const again = await installation.run('prune', 'shop', '--confirm', '--json');
      const [ended] = again.json<{ databases: { retired: unknown[]; removed: number; error: null }[] }>()
        .databases;
      assert.deepEqual([ended?.retired, ended?.removed, ended?.error], [[], 0, null]);
    }));

  it('only in the storage that is named', () =>
    withShop(async ({ installation, main, offsite, owner }) => {
      await claimStorage({ storage: offsite, installation: owner, shared: false, signal });
      await storeDays(offsite, 3, await storeDays(main, 3));
      await installation.start(['worker']);
      assert.equal((await installation.run('prune', 'shop', '--storage', 'offsite', '--confirm')).code, 0);
      assert.deepEqual([(await listed(main)).length, (await listed(offsite)).length], [3, 2]);
    }));

  it('of all sources only when it is asked to', () =>
    withShop(async ({ installation, main }) => {
      const source = { systemIdentifier: '7999', database: 'shop' };
      const [newest, old, older] = [daysAgo(0), daysAgo(5), daysAgo(6)];
      await storeBackup(main, { backupId: newest });
      for (const backupId of [old, older]) await storeBackup(main, { backupId, source });
      await installation.start(['worker']);
      assert.match((await installation.run('prune', 'shop', '--confirm')).stdout, /nothing was retired/);
      const { stdout } = await installation.run('prune', 'shop', '--all-sources', '--confirm');
      assert.equal(stdout, `${older}  retired from main\n`);
      assert.deepEqual(await listed(main), [newest, old]);
    }));
});

describe('a backup that a job names', () => {
  const ways: Record<string, JobsOptions> = {
    waits: {},
    'is delayed': { delay: 3_600_000 },
    'has a priority': { priority: 5 },
  };

  for (const [way, options] of Object.entries(ways)) {
    it(`is neither retired nor swept while the job ${way}, in a pool that has no worker`, () =>
      withShop(({ installation, main }) =>
        withQueues(installation, async ({ client }) => {
          const [newest = '', named = '', going = ''] = await storeDays(main, 3);
          const queue = client.queue('maintenance', 'eu');
          await queue.add(
            'copy',
            { backupId: named, database: 'shop', from: 'main', to: 'offsite' },
            options,
          );
          await installation.start(['worker']);
          const preview = await installation.run('prune', 'shop', '--storage', 'main', '--json');
          assert.match(preview.stdout, /named by a copy job/);
          const { stdout } = await installation.run('prune', 'shop', '--storage', 'main', '--confirm');
          assert.equal(stdout, `${going}  retired from main\n`);
          assert.deepEqual(await listed(main), [newest, named]);
        }),
      ));
  }

  it('is kept while a restore of it waits in a queue that is paused, and while one is active', () =>
    withShop(({ installation, main, owner }) =>
      withQueues(installation, async ({ client, redis, database }) => {
        const [newest = '', waiting = '', active = '', going = ''] = await storeDays(main, 4);
        const request = {
          storages: ['main'],
          database: 'crm',
          targetDatabase: 'elsewhere',
          options: {
            create: true,
            tables: [],
            globals: false,
            noOwner: false,
            keepOld: false,
            confirm: null,
          },
        };
        await client.restore({ ...request, backupId: active }, database('crm'));
        const connection = redis.duplicate({ maxRetriesPerRequest: null, enableOfflineQueue: true });
        const holder = new Worker('restores.eu', null, { connection, prefix: redisPrefix(owner) });
        try {
          const job = await holder.getNextJob('a token of this test');
          assert.equal(job?.data.backupId, active);
          await client.queue('restores', 'eu').pause();
          await client.restore({ ...request, backupId: waiting }, database('crm'));
          await installation.start(['worker']);
          const { stdout } = await installation.run('prune', 'shop', '--storage', 'main', '--confirm');
          assert.equal(stdout, `${going}  retired from main\n`);
          assert.deepEqual(await listed(main), [newest, waiting, active]);
        } finally {
          await holder.close();
          connection.disconnect();
        }
      }),
    ));
});

describe('a prune where not every storage can be pruned', () => {
  it('does what it can when a copy is away, and then fails so that it is tried again', () =>
    withShop(async ({ installation, main, offsitePath }) => {
      const [newest = ''] = await storeDays(main, 3);
      await rm(offsitePath, { recursive: true, force: true });
      await symlink('offsite', offsitePath);
      await installation.start(['worker']);
      assertComplaint(await installation.run('prune', 'shop', '--confirm'), {
        code: 'STORAGE_UNAVAILABLE',
        message: /offsite/,
      });
      assert.deepEqual(await listed(main), [newest]);
    }));

  it('touches nothing in a storage of another installation, and fails unless that is shared', async () => {
    for (const shared of [false, true]) {
      await withShop(
        async ({ installation, main, offsite }) => {
          await claimStorage({ storage: offsite, installation: 'theirs', shared: false, signal });
          const ids = await storeDays(main, 3);
          const [newest = ''] = ids;
          await storeDays(offsite, 4, ids);
          const before = await keysIn(offsite);
          const worker = await installation.start(['worker']);
          const { code, stderr } = await installation.run('prune', 'shop', '--confirm');
          assert.equal(code, shared ? 0 : 4, stderr);
          if (shared) assert.match(worker.log(), /nothing is retired or swept here/);
          else assert.match(stderr, /^error: .*"theirs"/m);
          assert.deepEqual(await listed(main), [newest]);
          assert.deepEqual(await keysIn(offsite), before);
        },
        { shared },
      );
    }
  });
});

describe('a sweep through the queue', () => {
  const long = new Date(Date.now() - 30 * 86_400_000);

  /** An attempt of a run whose objects nobody has touched for a month. */
  async function storeOldAttempt(
    backups: string,
    run: { backupId: string; attemptId: string },
  ): Promise<string> {
    const key = `shop/data/${run.backupId}/${run.attemptId}/globals.sql.zst`;
    await mkdir(join(backups, 'shop', 'data', run.backupId, run.attemptId), { recursive: true });
    const storage = await openStorage({ name: 'main', config: { type: 'local', path: backups } });
    await storage.put(key, Buffer.from('x'), { signal });
    await utimes(join(backups, key), long, long);
    return key;
  }

  it('removes what nothing needs, and nothing of a run that Redis knows, however old its objects are', () =>
    withShop(({ installation, main, owner }) =>
      withQueues(installation, async ({ client, redis, database }) => {
        const { backups } = installation;
        const queue = client.queue('backups', 'default');
        await queue.pause();
        const { jobId } = await client.backup(database('shop'));
        await redis.set(leaseKey(owner, 'shop'), 'ayyyyyyyy', 'PX', 600_000);
        const kept = [
          await storeOldAttempt(backups, { backupId: jobId, attemptId: 'azzzzzzzz' }),
          await storeOldAttempt(backups, { backupId: daysAgo(40), attemptId: 'ayyyyyyyy' }),
        ];
        const orphan = await storeOldAttempt(backups, { backupId: daysAgo(41), attemptId: 'axxxxxxxx' });
        await installation.start(['worker']);
        assert.equal((await installation.run('prune', 'shop', '--storage', 'main', '--confirm')).code, 0);
        const keys = await keysIn(main);
        assert.deepEqual(
          kept.filter((key) => !keys.includes(key)),
          [],
        );
        assert.equal(keys.includes(orphan), false);
      }),
    ));

  it('removes a retired backup when its mark is a day old, and not before', () =>
    withShop(async ({ installation, main }) => {
      const [newest, young, old] = [daysAgo(0), daysAgo(5), daysAgo(6)];
      const hours = (count: number): Date => new Date(Date.now() - count * 3_600_000);
      for (const [backupId, retiredAt] of [
        [young, hours(23)],
        [old, hours(25)],
      ] as const) {
        await storeBackup(main, { backupId });
        const mark = { backupId, retiredAt: retiredAt.toISOString(), reasons: [], manifest: '' };
        await putPrunedMark({ storage: main, mark, signal });
        await utimes(join(installation.backups, prunedKey(backupId)), retiredAt, retiredAt);
        await utimes(join(installation.backups, `shop/data/${backupId}/aabcdefgh/data.dump.zst`), long, long);
        await main.remove([manifestKey(backupId)], signal);
      }
      await storeBackup(main, { backupId: newest });
      await installation.start(['worker']);
      assert.equal((await installation.run('prune', 'shop', '--storage', 'main', '--confirm')).code, 0);
      const keys = await keysIn(main);
      assert.deepEqual(
        keys.filter((key) => key.includes(old)),
        [],
      );
      assert.equal(keys.filter((key) => key.includes(young)).length, 2);
    }));
});
