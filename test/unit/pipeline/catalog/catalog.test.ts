import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import {
  findManifest,
  listBackups,
  listEntries,
  readManifest,
} from '../../../../src/pipeline/catalog/catalog.ts';
import { claimStorage, ownerOf } from '../../../../src/pipeline/catalog/installation.ts';
import {
  manifestKey,
  parseCatalogKey,
  pinKey,
  prunedKey,
  verificationKey,
} from '../../../../src/pipeline/catalog/keys.ts';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../src/pipeline/storage/storage.ts';
import { sweep } from '../../../../src/pipeline/sweep.ts';
import { encodeManifest, type Manifest } from '../../../../src/shared/manifest.ts';
import type { Verification } from '../../../../src/shared/verification.ts';
import { withFolder } from '../../../support/folder.ts';
import { sampleManifest } from '../../../support/manifest.ts';

const signal = new AbortController().signal;
const [old, newer] = ['shop-20260102T030405Z-abc234', 'shop-20260103T030405Z-abc234'];

async function put(storage: Storage, key: string, content: string | Buffer): Promise<void> {
  await storage.put(key, Readable.from([Buffer.from(content)]), { signal });
}

/** A committed backup of one data object. */
async function store(storage: Storage, backupId: string, attemptId = 'aabcdefgh'): Promise<Manifest> {
  const key = `data/${backupId}/${attemptId}/data.dump.zst`;
  const parts: Manifest['parts'] = [
    { name: 'data.dump', kind: 'data', volumes: [{ key, bytes: 3, sha256: 'a'.repeat(64) }] },
  ];
  const manifest = sampleManifest({ backupId, attemptId, parts });
  await put(storage, `shop/${key}`, 'abc');
  await put(storage, manifestKey(backupId), encodeManifest(manifest));
  return manifest;
}

function withStorage(use: (storage: Storage) => Promise<void>): Promise<void> {
  return withFolder(async (path) =>
    use(await openStorage({ name: 'main', config: { type: 'local', path } })),
  );
}

async function keysIn(storage: Storage): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list('', signal)) keys.push(key);
  return keys;
}

describe('the catalog', () => {
  it('lists committed backups newest first, with what was proven of each', () =>
    withStorage(async (storage) => {
      const manifest = await store(storage, old);
      await store(storage, newer);
      await put(
        storage,
        'crm/catalog/crm-20260101T000000Z-abc234.json',
        encodeManifest(
          sampleManifest({ backupId: 'crm-20260101T000000Z-abc234', database: 'crm', parts: crmParts }),
        ),
      );
      const verification: Verification = {
        at: new Date('2026-01-04T00:00:00Z'),
        level: 'decode',
        outcome: 'ok',
        seconds: 7,
      };
      await put(storage, verificationKey(old, verification), '{}');
      await put(storage, `shop/data/${newer}/azzzzzzzz/data.dump.zst`, 'an attempt that never committed');
      const entries = await listEntries({ storage, database: undefined, signal });
      assert.deepEqual(
        entries.map((entry) => entry.backupId),
        [newer, old, 'crm-20260101T000000Z-abc234'],
      );
      assert.deepEqual(entries[1]?.verifications, [verification]);
      const [, second] = await listBackups({ storage, database: 'shop', signal });
      assert.deepEqual(second?.manifest, manifest);
    }));

  it('lists for a server what was stored while a database was called as it is now, too', () =>
    withStorage(async (storage) => {
      const time = '20260102T030405Z-abc234';
      for (const database of ['shop', 'shop.crm', 'shopping', 'shopping.crm'])
        await put(storage, manifestKey(`${database}-${time}`), '{}');
      const entries = await listEntries({ storage, database: undefined, server: 'shop', signal });
      assert.deepEqual(entries.map(({ database }) => database).sort(), ['shop', 'shop.crm']);
    }));

  it('shows a damaged manifest as a problem and still lists the others', () =>
    withStorage(async (storage) => {
      await store(storage, old);
      await put(storage, manifestKey(newer), '{}');
      const backups = await listBackups({ storage, database: 'shop', signal });
      assert.deepEqual(
        backups.map((each) => each.problem?.code ?? 'ok'),
        ['MANIFEST_INVALID', 'ok'],
      );
    }));

  it('lists the others when a backup goes away while it is read', () =>
    withStorage(async (storage) => {
      await store(storage, old);
      await store(storage, newer);
      const retiring: Storage = {
        ...storage,
        get: async (...args) => {
          await storage.remove([manifestKey(old)], signal);
          return storage.get(...args);
        },
      };
      const listed = await listBackups({ storage: retiring, database: undefined, signal });
      assert.deepEqual(
        listed.map(({ backupId }) => backupId),
        [newer],
      );
    }));

  it('does not take a manifest for a backup that bears another id', () =>
    withStorage(async (storage) => {
      await put(storage, manifestKey(newer), encodeManifest(sampleManifest({ backupId: old })));
      await assert.rejects(readManifest({ storage, backupId: newer, signal }), { code: 'MANIFEST_INVALID' });
    }));

  it('tells a backup that was never committed from one that cannot be read', () =>
    withStorage(async (storage) => {
      await store(storage, old);
      assert.equal((await readManifest({ storage, backupId: old, signal })).backupId, old);
      assert.equal(await findManifest({ storage, backupId: newer, signal }), undefined);
      await assert.rejects(readManifest({ storage, backupId: newer, signal }), { code: 'BACKUP_NOT_FOUND' });
    }));

  it('reads what the names of its objects say, and nothing from other names', () => {
    const verification: Verification = {
      at: new Date('2026-01-04T00:00:00Z'),
      level: 'checksum',
      outcome: 'failed',
      seconds: 0,
    };
    assert.deepEqual(parseCatalogKey(verificationKey(old, verification)), {
      backupId: old,
      kind: 'verification',
      verification,
    });
    assert.deepEqual(parseCatalogKey(pinKey(old)), { backupId: old, kind: 'pin' });
    assert.deepEqual(parseCatalogKey(prunedKey(old)), { backupId: old, kind: 'pruned' });
    for (const key of [
      `shop/data/${old}/aabcdefgh/${old}.json`,
      `shop/catalog/${old}.json.bak`,
      `shop/catalog/${old}.verified-20260104T000000Z-guess-ok-1s`,
      `shop/catalog/${old}.pinned`,
      `crm/catalog/${old}.json`,
      `SHOP/catalog/${old.toUpperCase()}.json`,
      'SHOP/catalog/SHOP-20260102T030405Z-abc234.json',
    ]) {
      assert.equal(parseCatalogKey(key), undefined, key);
    }
  });
});

describe('a storage', () => {
  it('belongs to the installation that came first; another one is refused', () =>
    withStorage(async (storage) => {
      await Promise.all(
        Array.from({ length: 4 }, () =>
          claimStorage({ storage, installation: 'one', shared: false, signal }),
        ),
      );
      await assert.rejects(claimStorage({ storage, installation: 'two', shared: false, signal }), {
        code: 'STORAGE_FOREIGN',
        message: /"one"/,
      });
      assert.deepEqual(await keysIn(storage), ['backupdata.json']);
    }));

  it('that is shared may be added to by another installation, and stays the first one’s', () =>
    withStorage(async (storage) => {
      const claim = { storage, installation: 'two', shared: true, signal };
      assert.equal(await ownerOf(claim), 'nobody');
      assert.deepEqual(await keysIn(storage), [], 'looking claims nothing');
      await claimStorage({ ...claim, installation: 'one' });
      await claimStorage(claim);
      assert.equal(await ownerOf(claim), 'another installation');
      assert.equal(await ownerOf({ ...claim, installation: 'one', shared: false }), 'us');
      await assert.rejects(ownerOf({ ...claim, shared: false }), { code: 'STORAGE_FOREIGN' });
    }));
});

describe('a sweep', () => {
  const later = new Date(Date.now() + 60_000);

  it('removes what no manifest names, and only that', () =>
    withStorage(async (storage) => {
      await store(storage, old);
      await put(storage, `shop/data/${old}/azzzzzzzz/data.dump.zst`, 'a second attempt that lost');
      await put(storage, `shop/data/${newer}/ayyyyyyyy/data.dump.zst`, 'an attempt of a run that failed');
      assert.equal(await sweep({ storage, database: 'shop', olderThan: later, live: new Set(), signal }), 2);
      assert.deepEqual(await keysIn(storage), [manifestKey(old), `shop/data/${old}/aabcdefgh/data.dump.zst`]);
    }));

  it('leaves attempts that are live, or young, or of another database', () =>
    withStorage(async (storage) => {
      for (const database of ['shop', 'shop-eu']) {
        await put(
          storage,
          `${database}/data/${database}-20260102T030405Z-abc234/azzzzzzzz/data.dump.zst`,
          'x',
        );
      }
      assert.equal(
        await sweep({ storage, database: 'shop', olderThan: later, live: new Set(['azzzzzzzz']), signal }),
        0,
      );
      assert.equal(
        await sweep({ storage, database: 'shop', olderThan: new Date(0), live: new Set(), signal }),
        0,
      );
      assert.equal(await sweep({ storage, database: 'shop', olderThan: later, live: new Set(), signal }), 1);
      assert.equal((await keysIn(storage)).length, 1);
    }));

  it('passes over what is no object of an attempt', () =>
    withStorage(async (storage) => {
      const strangers = [
        'shop/data/notes.txt',
        `shop/data/${old}/notes.txt`,
        `shop/data/${old}/azzzzzzzz/deeper/data.dump.zst`,
        `shop/data/${old}/old/data.dump.zst`,
      ].sort();
      for (const key of strangers) await put(storage, key, 'x');
      await put(storage, `shop/data/${newer}/ayyyyyyyy/data.dump.zst`, 'an orphan');
      assert.equal(await sweep({ storage, database: 'shop', olderThan: later, live: new Set(), signal }), 1);
      assert.deepEqual((await keysIn(storage)).sort(), strangers);
    }));

  it('removes nothing of a backup whose manifest it cannot read, and goes on with the others', () =>
    withStorage(async (storage) => {
      await store(storage, old);
      await put(storage, manifestKey(old), 'damaged');
      await put(storage, `shop/data/${newer}/ayyyyyyyy/data.dump.zst`, 'an orphan');
      assert.equal(await sweep({ storage, database: 'shop', olderThan: later, live: new Set(), signal }), 1);
      assert.deepEqual(await keysIn(storage), [manifestKey(old), `shop/data/${old}/aabcdefgh/data.dump.zst`]);
    }));
});

const crmParts: Manifest['parts'] = [
  {
    name: 'data.dump',
    kind: 'data',
    volumes: [
      { key: 'data/crm-20260101T000000Z-abc234/aabcdefgh/data.dump.zst', bytes: 3, sha256: 'a'.repeat(64) },
    ],
  },
];
