import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { type ListedBackup, listBackups } from '../../src/pipeline/catalog/catalog.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { createManifestCache } from '../../src/producer/manifest-cache.ts';
import { encodeManifest } from '../../src/shared/manifest.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { Secret } from '../../src/shared/secret.ts';
import { storeDamagedManifest, storeManifest } from '../support/catalog-objects.ts';
import { writeConfig } from '../support/config.ts';
import { withFolder } from '../support/folder.ts';
import { runInProcess } from '../support/in-process.ts';
import { sampleManifest } from '../support/manifest.ts';
import { sharedRedis, startRedis, type TestRedis } from '../support/redis.ts';

const signal = new AbortController().signal;
/** More than are asked for at once. */
const many = 300;

describe('a listing with a cache', () => {
  it('reads every manifest the first time, none the second, and shows the same', () =>
    withCatalog(many, async ({ list }) => {
      const cold = await list();
      assert.deepEqual([cold.backups.length, cold.reads], [many, many]);
      const warm = await list();
      assert.equal(warm.reads, 0);
      assert.deepEqual(warm.backups, cold.backups);
    }));

  it('reads a manifest afresh whose version changed', () =>
    withCatalog(3, async ({ list, storage, ids: [id = ''] }) => {
      await list();
      await storeManifest(storage, { backupId: id, notes: ['another one'] });
      const { reads, backups } = await list();
      assert.equal(reads, 1);
      assert.deepEqual(backups.find(({ backupId }) => backupId === id)?.manifest?.notes, ['another one']);
    }));

  it('reads what another storage or installation knows for itself', () =>
    withCatalog(3, async ({ list }) => {
      await list();
      assert.equal((await list({ storage: 'other' })).reads, 3);
      assert.equal((await list({ installation: uniqueName() })).reads, 3);
    }));

  it('never remembers a manifest that cannot be trusted', () =>
    withCatalog(2, async ({ list, storage, ids: [id = ''] }) => {
      await storeDamagedManifest(storage, id);
      for (const reads of [2, 1, 1]) {
        const listed = await list();
        assert.equal(listed.reads, reads);
        const damaged = listed.backups.find(({ backupId }) => backupId === id);
        assert.equal(damaged?.problem?.code, 'MANIFEST_INVALID');
      }
    }));

  it('believes nothing that is wrong in the cache, and puts it right', () =>
    withCatalog(4, async ({ list, keys, redis }) => {
      const { backups } = await list();
      const stranger = encodeManifest(sampleManifest({ notes: ['of another backup'] }));
      const whole = encodeManifest(sampleManifest());
      const poison = [Buffer.from('{}'), randomBytes(100), stranger, Buffer.from(whole.with(20, 0))];
      for (const [index, key] of (await keys()).entries()) await redis.set(key, poison[index] ?? '');
      const poisoned = await list();
      assert.equal(poisoned.reads, 4);
      assert.deepEqual(poisoned.backups, backups);
      assert.equal((await list()).reads, 0);
    }));
});

describe('what a listing leaves in Redis', () => {
  it('is the text of manifests, under names that say nothing, for a month', () =>
    withCatalog(3, async ({ list, keys, redis, ids }) => {
      await list();
      const stored = await keys();
      assert.equal(stored.length, 3);
      for (const key of stored) {
        assert.match(key, /^\{backupdata:[^}]+\}:manifest:[0-9a-f]{64}$/);
        const days = (await redis.ttl(key)) / 86_400;
        assert.ok(days > 29 && days <= 30, `${days} days`);
      }
      const values = await Promise.all(stored.map((key) => redis.get(key)));
      const files = ids.map((backupId) => encodeManifest(sampleManifest({ backupId })).toString());
      assert.deepEqual(values.sort(), files.sort());
    }));

  it('is not a manifest of more than 64 KiB', () =>
    withCatalog(1, async ({ list, keys, storage, ids: [id = ''] }) => {
      await storeManifest(storage, { backupId: id, notes: ['long'.repeat(20_000)] });
      assert.deepEqual([(await list()).reads, (await list()).reads], [1, 1]);
      assert.deepEqual(await keys(), []);
    }));
});

describe('a listing whose cache fails', () => {
  it('reads everything while Redis is away', () =>
    withPrivateRedis((redis) =>
      withCatalog(
        3,
        async ({ list }) => {
          await list();
          await redis.kill('SIGKILL');
          assert.deepEqual(await list().then(({ reads, backups }) => [reads, backups.length]), [3, 3]);
        },
        redis,
      ),
    ));

  it('waits a moment for a Redis that is stopped, and not once for each batch', () =>
    withPrivateRedis((redis) =>
      withCatalog(
        many,
        async ({ list, open }) => {
          await list();
          const cache = open();
          assert.equal((await list({ cache })).reads, 0);
          await redis.kill('SIGSTOP');
          try {
            assert.equal((await list({ cache })).reads, many, 'it answered before, and does not now');
            assert.equal((await list()).reads, many, 'it lets itself be connected to, and does not answer');
          } finally {
            await redis.kill('SIGCONT');
          }
          assert.equal((await list({ cache })).reads, many, 'it is not asked again by the same listing');
          assert.equal((await list()).reads, 0);
        },
        redis,
      ),
    ));

  it('goes on without it when Redis is full', () =>
    withPrivateRedis((server) =>
      withCatalog(
        3,
        async ({ list, redis }) => {
          await redis.config('SET', 'maxmemory', '1');
          for (const _time of ['cold', 'and not warm'])
            assert.deepEqual(await list().then(({ reads, backups }) => [reads, backups.length]), [3, 3]);
        },
        server,
      ),
    ));
});

describe('the command `list`', () => {
  it('asks no Redis about a storage that tells no versions, and needs none', () =>
    withFolder(async (path) => {
      const root = join(path, 'main');
      await writeConfig(path, { storages: { main: root }, databases: { shop: {} } });
      const storage = await openStorage({ name: 'main', config: { type: 'local', path: root } });
      await storeManifest(storage, { backupId: idOf(1) });
      let connections = 0;
      const server = createServer(() => {
        connections += 1;
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      try {
        for (const url of [`redis://127.0.0.1:${port}`, 'redis://127.0.0.1:1', 'not a url', '']) {
          const { code, stdout, stderr } = await runInProcess({ path, env: { REDIS_URL: url } }, 'list');
          assert.deepEqual([code, stderr], [0, ''], url);
          assert.match(stdout, new RegExp(idOf(1)));
        }
        assert.equal(connections, 0);
      } finally {
        server.close();
      }
    }));
});

type Redis = ReturnType<typeof connectRedis>;
type Cache = ReturnType<typeof createManifestCache>;

interface Catalog {
  storage: Storage;
  ids: readonly string[];
  /** A client for the test. */
  redis: Redis;
  /** Lists with a cache of its own, or with one that stays open. */
  list(options?: {
    cache?: Cache;
    storage?: string;
    installation?: string;
  }): Promise<{ backups: ListedBackup[]; reads: number }>;
  open(): Cache;
  /** What the cache holds. */
  keys(): Promise<string[]>;
}

async function withCatalog(
  count: number,
  use: (catalog: Catalog) => Promise<void>,
  server?: Pick<TestRedis, 'url'>,
): Promise<void> {
  const shared = server ? undefined : await sharedRedis();
  const url = new Secret(server?.url ?? shared?.url ?? '');
  const redis = connectRedis({ url, role: 'worker', onError: () => undefined });
  const opened: Cache[] = [];
  const name = uniqueName();
  const open = (installation = name): Cache => {
    const cache = createManifestCache({ redisUrl: url, installation });
    opened.push(cache);
    return cache;
  };
  try {
    await withFolder(async (path) => {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const ids = Array.from({ length: count }, (_, index) => idOf(index));
      for (const backupId of ids) await storeManifest(storage, { backupId });
      await use({
        storage,
        ids,
        redis,
        open,
        keys: () => redis.keys(`{backupdata:${name}}:*`),
        list: async ({ cache, storage: as = 'main', installation } = {}) => {
          const counted = withVersions({ ...storage, name: as });
          const backups = await listBackups({
            storage: counted,
            database: undefined,
            signal,
            cache: cache ?? open(installation),
          });
          return { backups, reads: counted.reads() };
        },
      });
    });
  } finally {
    for (const cache of opened) cache.close();
    redis.disconnect();
    await shared?.stop();
  }
}

async function withPrivateRedis(use: (redis: TestRedis) => Promise<void>): Promise<void> {
  const redis = await startRedis();
  try {
    await use(redis);
  } finally {
    await redis.stop();
  }
}

/** The storage as one that tells a version of each object, and the number of reads of it. */
function withVersions(storage: Storage): Storage & { reads: () => number } {
  let reads = 0;
  return {
    ...storage,
    reads: () => reads,
    get: (key, options) => {
      reads += 1;
      return storage.get(key, options);
    },
    async *list(prefix, stop) {
      for await (const object of storage.list(prefix, stop)) {
        const bytes = await buffer(await storage.get(object.key, { signal: stop }));
        yield { ...object, version: createHash('md5').update(bytes).digest('hex') };
      }
    },
  };
}

function idOf(index: number): string {
  const at = new Date(Date.UTC(2026, 0, 1) + index * 3_600_000).toISOString();
  return `shop-${at.replaceAll(/[-:]|\.\d+/g, '')}-abc234`;
}

let names = 0;
function uniqueName(): string {
  names += 1;
  return `cache-${process.pid}-${names}`;
}
