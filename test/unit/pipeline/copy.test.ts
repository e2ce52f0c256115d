import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { findManifestFile, listEntries } from '../../../src/pipeline/catalog/catalog.ts';
import { claimStorage } from '../../../src/pipeline/catalog/installation.ts';
import { manifestKey, pinKey, prunedKey } from '../../../src/pipeline/catalog/keys.ts';
import { putPrunedMark } from '../../../src/pipeline/catalog/pruned.ts';
import { type CopyOutcome, type CopyRequest, copy } from '../../../src/pipeline/copy.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { sweep } from '../../../src/pipeline/sweep.ts';
import { BackupDataError } from '../../../src/shared/errors.ts';
import { encodeManifest } from '../../../src/shared/manifest.ts';
import { storeMark } from '../../support/catalog-objects.ts';
import { withFolder } from '../../support/folder.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { type StoredBackup, storeBackup } from '../../support/random-backup.ts';
import { chooseSeed, createSeeded, type Seeded } from '../../support/seeded.ts';

const signal = new AbortController().signal;

interface Place {
  seeded: Seeded;
  main: Storage;
  other: Storage;
  to: Storage;
  backup: StoredBackup;
  copy(changes?: Partial<CopyRequest>): Promise<CopyOutcome>;
  /** The file that holds an object of `main`. */
  fileOf(key: string): string;
}

/** A backup in `main`, an empty `other`, and an empty `to` that the copy goes to. */
function withBackup(context: TestContext, use: (place: Place) => Promise<void>): Promise<void> {
  const seeded = createSeeded(chooseSeed());
  context.diagnostic(`TEST_SEED=${seeded.seed}`);
  return withFolder(async (path) => {
    const open = (name: string): Promise<Storage> =>
      openStorage({ name, config: { type: 'local', path: join(path, name) } });
    const [main, other, to] = [await open('main'), await open('other'), await open('to')];
    const backup = await storeBackup(main, { seeded });
    const source = { file: encodeManifest(backup.manifest), manifest: backup.manifest };
    await use({
      seeded,
      main,
      other,
      to,
      backup,
      fileOf: (key) => join(path, 'main', key),
      copy: (changes = {}) =>
        copy({
          source,
          from: [main],
          to,
          installation: 'default',
          shared: false,
          signal,
          clock: () => new Date(),
          wait: async () => undefined,
          isAlone: async () => true,
          onBytes: () => undefined,
          ...changes,
        }),
    });
  });
}

/** Every object of a storage but for the one that claims it. */
async function contentOf(storage: Storage): Promise<Map<string, Buffer>> {
  const objects = new Map<string, Buffer>();
  for await (const { key } of storage.list('', signal))
    if (key !== 'backupdata.json') objects.set(key, await buffer(await storage.get(key, { signal })));
  return objects;
}

async function assertCopied(to: Storage, { objects }: StoredBackup): Promise<void> {
  const sorted = (map: ReadonlyMap<string, Buffer>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const content = await contentOf(to);
  // First, because telling how megabytes differ takes minutes.
  assert.deepEqual([...content.keys()].sort(), [...objects.keys()].sort());
  assert.deepEqual(sorted(content), sorted(objects));
}

async function assertNothingListed(to: Storage): Promise<void> {
  assert.deepEqual(await listEntries({ storage: to, database: undefined, signal }), []);
}

async function flipBit(file: string, offset: number): Promise<void> {
  const bytes = await readFile(file);
  await writeFile(file, bytes.with(offset, (bytes[offset] ?? 0) ^ 1));
}

function volumesOf({ manifest, objects }: StoredBackup): string[] {
  return [...objects.keys()].filter((key) => key !== manifestKey(manifest.backupId));
}

describe('a copy of a backup', () => {
  it('holds every object to the byte, and tells how many were moved', (context) =>
    withBackup(context, async (place) => {
      let moved = 0;
      const onBytes = (count: number): void => {
        moved += count;
      };
      const { bytes, notes } = await place.copy({ onBytes });
      assert.deepEqual([bytes, moved, notes], [1_401_201, 1_401_201, []]);
      await assertCopied(place.to, place.backup);
    }));

  it('a second time is a success that moves nothing', (context) =>
    withBackup(context, async (place) => {
      await place.copy();
      const moved = (): never => assert.fail('a byte was moved');
      assert.equal((await place.copy({ onBytes: moved })).bytes, 0);
      await assertCopied(place.to, place.backup);
    }));

  it('moves again what the storage lost of it, and tells how much', (context) =>
    withBackup(context, async ({ to, backup, copy: run }) => {
      await run();
      const [first = '', , third = '', globals = ''] = volumesOf(backup);
      await to.remove([first, third], signal);
      await to.put(globals, Buffer.from('cut short'), { signal });
      let moved = 0;
      const onBytes = (count: number): void => {
        moved += count;
      };
      assert.equal((await run({ onBytes })).bytes, 700_901);
      assert.equal(moved, 700_901);
      await assertCopied(to, backup);
    }));

  it('that lost a volume which is damaged at home fails, and keeps the others', (context) =>
    withBackup(context, async ({ to, backup, fileOf, copy: run }) => {
      await run();
      const [first = ''] = volumesOf(backup);
      await to.remove([first], signal);
      await flipBit(fileOf(first), 7);
      await assert.rejects(run(), { code: 'OBJECT_DAMAGED' });
      const objects = new Map(backup.objects);
      objects.delete(first);
      await assertCopied(to, { ...backup, objects });
    }));

  it('takes a pin along, even one that came later, and no verification', (context) =>
    withBackup(context, async ({ main, to, backup, copy: run }) => {
      const { backupId } = backup.manifest;
      const at = new Date('2026-01-04');
      await storeMark(main, backupId, { at, level: 'decode', outcome: 'ok', seconds: 3 });
      await run();
      await main.put(pinKey(backupId), Buffer.from('held\n'), { signal });
      await run();
      const objects = new Map([...backup.objects, [pinKey(backupId), Buffer.from('held\n')]]);
      await assertCopied(to, { ...backup, objects });
    }));

  it('of a backup that was retired there is not retired again with the next sweep', (context) =>
    withBackup(context, async ({ to, backup, copy: run }) => {
      await to.put(prunedKey(backup.manifest.backupId), Buffer.from('{}\n'), { signal });
      await run();
      await assertCopied(to, backup);
    }));

  it('is refused by a storage of another installation, which stays untouched', (context) =>
    withBackup(context, async ({ to, copy: run }) => {
      await claimStorage({ storage: to, installation: 'another', shared: false, signal });
      await assert.rejects(run(), { code: 'STORAGE_FOREIGN' });
      assert.equal((await contentOf(to)).size, 0);
    }));

  it('does not replace another manifest of that id, nor one that cannot be read', (context) =>
    withBackup(context, async ({ to, backup, seeded, copy: run }) => {
      const { backupId } = backup.manifest;
      const rival = await storeBackup(to, { seeded, attemptId: 'abbbbbbbb' });
      await assert.rejects(run(), { code: 'OBJECT_EXISTS', message: /storage to .* attempt abbbbbbbb/ });
      await assertCopied(to, rival);
      await to.put(manifestKey(backupId), Buffer.from('{}\n'), { signal });
      await assert.rejects(run(), { code: 'OBJECT_EXISTS', message: /storage to .* cannot be trusted/ });
    }));

  it('leaves what a rival of another attempt committed meanwhile, and removes its own', (context) =>
    withBackup(context, async ({ to, seeded, copy: run }) => {
      let rival: StoredBackup | undefined;
      const raced: Storage = {
        ...to,
        put: async (key, body, options) => {
          if (key.endsWith('.json') && options.ifAbsent && key !== 'backupdata.json')
            rival ??= await storeBackup(to, { seeded, attemptId: 'abbbbbbbb' });
          return to.put(key, body, options);
        },
      };
      await assert.rejects(run({ to: raced }), { code: 'OBJECT_EXISTS' });
      assert.ok(rival);
      await assertCopied(to, rival);
    }));
});

describe('a copy whose source is damaged', () => {
  it('commits nothing and leaves nothing, whichever bit flipped', (context) =>
    withBackup(context, async ({ to, backup, seeded, fileOf, copy: run }) => {
      for (let flip = 0; flip < 40; flip += 1) {
        const keys = volumesOf(backup);
        const key = keys[seeded.below(keys.length)] ?? '';
        const offset = seeded.below(backup.objects.get(key)?.length ?? 1);
        await flipBit(fileOf(key), offset);
        const part = key.slice(key.lastIndexOf('/') + 1).replace(/\.000\d$/, '');
        await assert.rejects(
          run(),
          { code: 'OBJECT_DAMAGED', message: new RegExp(`^part ${part}: .*storage main is damaged`) },
          `byte ${offset} of ${key}`,
        );
        assert.equal((await contentOf(to)).size, 0);
        await flipBit(fileOf(key), offset);
      }
      await run();
      await assertCopied(to, backup);
    }));

  it('keeps what a backup that was retired there still has, and its mark, with a grace that begins anew', (context) =>
    withBackup(context, async ({ to, backup, fileOf, copy: run }) => {
      await run();
      const { backupId } = backup.manifest;
      const mark = {
        backupId,
        retiredAt: '2026-01-04T00:00:00.000Z',
        reasons: ['daily'],
        manifest: encodeManifest(backup.manifest).toString('utf8'),
      };
      await putPrunedMark({ storage: to, mark, signal });
      await to.remove([manifestKey(backupId)], signal);
      await flipBit(fileOf(volumesOf(backup)[1] ?? ''), 7);
      const clock = () => new Date('2026-01-05T00:00:00Z');
      await assert.rejects(run({ clock }), { code: 'OBJECT_DAMAGED' });
      const renewed = { ...mark, retiredAt: '2026-01-05T00:00:00.000Z' };
      const objects = new Map(backup.objects);
      objects.delete(manifestKey(backupId));
      objects.set(prunedKey(backupId), Buffer.from(`${JSON.stringify(renewed, null, 2)}\n`));
      await assertCopied(to, { ...backup, objects });
    }));

  it('keeps what is there of a backup whose manifest was removed', (context) =>
    withBackup(context, async ({ to, backup, fileOf, copy: run }) => {
      await run();
      const key = manifestKey(backup.manifest.backupId);
      await to.remove([key], signal);
      await flipBit(fileOf(volumesOf(backup)[0] ?? ''), 7);
      await assert.rejects(run(), { code: 'OBJECT_DAMAGED' });
      const objects = new Map(backup.objects);
      objects.delete(key);
      await assertCopied(to, { ...backup, objects });
    }));

  it('does not store a volume that is too long, too short or missing', (context) =>
    withBackup(context, async ({ to, backup, fileOf, copy: run }) => {
      const key = volumesOf(backup)[1] ?? '';
      const bytes = await readFile(fileOf(key));
      for (const changed of [Buffer.concat([bytes, bytes]), bytes.subarray(0, -1), undefined]) {
        await (changed ? writeFile(fileOf(key), changed) : rm(fileOf(key)));
        const code = changed ? 'OBJECT_DAMAGED' : 'OBJECT_NOT_FOUND';
        await assert.rejects(run(), { code, message: /^part data\.dump: .*data\.dump\.0001/ });
        assert.equal((await contentOf(to)).size, 0);
      }
    }));

  it('stops the upload before its end: the storage never sees one', (context) =>
    withBackup(context, async ({ to, backup, fileOf, copy: run }) => {
      const key = volumesOf(backup)[0] ?? '';
      await flipBit(fileOf(key), 5);
      let given = 0;
      let ended = false;
      const watching: Storage = {
        ...to,
        put: (at, body, options) => {
          if (at !== key) return to.put(at, body, options);
          const stream = body as Readable;
          stream.on('end', () => {
            ended = true;
          });
          stream.on('data', (chunk: Buffer) => {
            given += chunk.length;
          });
          return to.put(at, body, options);
        },
      };
      await assert.rejects(run({ to: watching }), { code: 'OBJECT_DAMAGED' });
      assert.equal(ended, false);
      assert.ok(given > 0 && given <= 700_000 - 200_000, `${given} bytes were given`);
    }));

  it('takes from another storage what it holds right, volume by volume, and says so', (context) =>
    withBackup(context, async ({ main, other, to, backup, fileOf, copy: run }) => {
      await run({ to: other });
      const [first = '', second = '', , globals = ''] = volumesOf(backup);
      await flipBit(fileOf(first), 3);
      await rm(fileOf(globals));
      await other.remove([second], signal);
      const { notes } = await run({ from: [main, other] });
      await assertCopied(to, backup);
      assert.match(
        notes.join('\n'),
        /^part data\.dump was read from storage other: .*storage main is damaged/,
      );
      assert.match(
        notes.join('\n'),
        /^part globals\.sql was read from storage other: .*missing in storage main/m,
      );
      assert.equal(notes.length, 2);
      await rm(fileOf(second));
      await to.remove([manifestKey(backup.manifest.backupId)], signal);
      await assert.rejects(run({ from: [main, other] }), {
        code: 'OBJECT_NOT_FOUND',
        message:
          /data\.dump\.0001 is missing in storage main; .*data\.dump\.0001 is missing in storage other$/,
      });
    }));
});

/** The storage with every call counted, and told to `before`, which may fail it; `after` may lose its answer. */
function tapped(
  storage: Storage,
  { before, after = () => undefined }: { before: (n: number) => void; after?: (n: number) => void },
): Storage {
  let calls = 0;
  const tap =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      calls += 1;
      const n = calls;
      before(n);
      const result = await call(...args);
      after(n);
      return result;
    };
  return {
    ...storage,
    put: tap(storage.put),
    get: tap(storage.get),
    stat: tap(storage.stat),
    remove: tap(storage.remove),
    list: async function* (prefix, options) {
      calls += 1;
      before(calls);
      yield* storage.list(prefix, options);
    },
  };
}

const full = (): BackupDataError => new BackupDataError('STORAGE_FULL', 'the disk is full');

describe('a copy whose target fails', () => {
  it('at any one call leaves nothing that is listed, no part before its manifest was sent, and succeeds the next time', async (context) => {
    for (let n = 1, failed = true; failed; n += 1) {
      failed = false;
      await withBackup(context, async ({ to, backup, copy: run }) => {
        const before = (call: number): void => {
          failed ||= call === n;
          if (call === n) throw full();
        };
        const failing = tapped(to, { before });
        let sent = false;
        const put: Storage['put'] = (key, ...rest) => {
          sent ||= key === manifestKey(backup.manifest.backupId);
          return failing.put(key, ...rest);
        };
        const ended = await run({ to: { ...failing, put } }).then(
          () => undefined,
          (error) => error,
        );
        if (!failed) return context.diagnostic(`${n - 1} calls of the target were failed, one at a time`);
        const committed = await findManifestFile({
          storage: to,
          backupId: backup.manifest.backupId,
          signal,
        });
        if (committed) await assertCopied(to, backup);
        else {
          assert.equal(ended?.code, 'STORAGE_FULL', `call ${n}`);
          if (!sent) assert.equal((await contentOf(to)).size, 0, `call ${n} left objects`);
        }
        await run();
        await assertCopied(to, backup);
      });
    }
  });

  it('from any call on, as in a crash, leaves orphans at most, and the next one succeeds', async (context) => {
    for (let n = 1, failed = true; failed; n += 1) {
      failed = false;
      await withBackup(context, async ({ to, backup, seeded, copy: run }) => {
        const before = (call: number): void => {
          failed ||= call >= n;
          if (call >= n) throw full();
        };
        await run({ to: tapped(to, { before }) }).catch(() => undefined);
        const { backupId } = backup.manifest;
        const committed = await findManifestFile({ storage: to, backupId, signal });
        if (committed) await assertCopied(to, backup);
        if (failed && !committed && seeded.below(2) === 0) {
          await sweep({
            storage: to,
            database: 'shop',
            olderThan: new Date(Date.now() + 1_000),
            live: new Set(),
            signal,
          });
          assert.equal((await contentOf(to)).size, 0, `the sweep after call ${n}`);
        }
        await run();
        await assertCopied(to, backup);
      });
    }
  });

  it('to answer, though it did what it was asked, is committed or tried again, never half', async (context) => {
    for (let n = 1, failed = true; failed; n += 1) {
      failed = false;
      await withBackup(context, async ({ to, backup, copy: run }) => {
        const before = (call: number): void => {
          failed ||= call === n;
        };
        const after = (call: number): void => {
          if (call === n) throw new BackupDataError('STORAGE_UNAVAILABLE', 'the connection was reset');
        };
        await run({ to: tapped(to, { before, after }) }).catch(() => undefined);
        const { backupId } = backup.manifest;
        if (await findManifestFile({ storage: to, backupId, signal })) await assertCopied(to, backup);
        else assert.equal((await contentOf(to)).size, 0, `call ${n} left objects`);
        await run();
        await assertCopied(to, backup);
      });
    }
  });

  it('keeps fewer bytes than it was sent is no copy', (context) =>
    withBackup(context, async ({ to, copy: run }) => {
      const forgetful: Storage = {
        ...to,
        put: async (...args) => ({ ...(await to.put(...args)), bytes: 7 }),
      };
      await assert.rejects(run({ to: forgetful }), { code: 'STORAGE_UNAVAILABLE', message: /holds 7 bytes/ });
      assert.equal((await contentOf(to)).size, 0);
    }));
});

describe('a copy that is not alone', () => {
  it('leaves what it stored when it fails: the other one may be about to commit it', (context) =>
    withBackup(context, async ({ to, backup, fileOf, copy: run }) => {
      await rm(fileOf(volumesOf(backup)[4] ?? ''));
      await assert.rejects(run({ isAlone: async () => false }), { code: 'OBJECT_NOT_FOUND' });
      assert.deepEqual([...(await contentOf(to)).keys()].sort(), volumesOf(backup).slice(0, 4).sort());
      await assertNothingListed(to);
    }));

  for (const [when, moment] of [
    ['before', 'before the manifest is there'],
    ['after', 'as the manifest comes'],
  ] as const) {
    it(`moves again what the other one removed ${moment}`, (context) =>
      withBackup(context, async ({ to, backup, copy: run }) => {
        const [first = ''] = volumesOf(backup);
        const last = when === 'before' ? volumesOf(backup).at(-1) : manifestKey(backup.manifest.backupId);
        let removed = 0;
        const raced: Storage = {
          ...to,
          put: async (key, body, options) => {
            if (key === manifestKey(backup.manifest.backupId))
              assert.deepEqual([...(await contentOf(to)).keys()].sort(), volumesOf(backup).sort());
            const stored = await to.put(key, body, options);
            if (key === last && removed === 0) {
              removed += 1;
              await to.remove([first], signal);
            }
            return stored;
          },
        };
        await run({ to: raced });
        assert.equal(removed, 1);
        await assertCopied(to, backup);
      }));
  }
});

describe('a copy from a fast storage to a slow one', () => {
  it('holds a few MiB at most, however large the volume', (context) =>
    withBackup(context, async ({ main, to, seeded, copy: run }) => {
      const chunk = seeded.bytes(65_536);
      const chunks = 1_024;
      const hash = createHash('sha256');
      for (let n = 0; n < chunks; n += 1) hash.update(chunk);
      const manifest = sampleManifest();
      const [part] = manifest.parts;
      const [volume] = part?.volumes ?? [];
      assert.ok(part && volume);
      const bytes = chunk.length * chunks;
      const large = { ...part, volumes: [{ ...volume, bytes, sha256: hash.digest('hex') }] };
      const source = { ...manifest, parts: [large], bytes };
      const key = `shop/${volume.key}`;
      let [given, taken, most] = [0, 0, 0];
      const fast: Storage = {
        ...main,
        get: async (at, options) => {
          if (at !== key) return main.get(at, options);
          const all = function* () {
            for (; given < bytes; given += chunk.length) yield chunk;
          };
          return Readable.from(all(), { objectMode: false, highWaterMark: 1 << 20 });
        },
      };
      const slow: Storage = {
        ...to,
        put: async (at, body, options) => {
          if (at !== key) return to.put(at, body, options);
          for await (const each of body as Readable) {
            taken += each.length;
            most = Math.max(most, given - taken);
            await turn();
          }
          return { key: at, bytes: taken, modifiedAt: new Date() };
        },
        list: async function* () {
          yield { key, bytes: taken, modifiedAt: new Date() };
        },
      };
      const file = encodeManifest(source);
      await run({ source: { file, manifest: source }, from: [fast], to: slow });
      assert.equal(taken, bytes);
      assert.ok(most < 4 * 1_048_576, `${most} bytes were held`);
    }));
});

describe('a copy that is told to stop', () => {
  it('rejects with the reason at any chunk, and leaves nothing', (context) =>
    withBackup(context, async ({ to, seeded, copy: run }) => {
      for (let round = 0; round < 10; round += 1) {
        const stopping = new AbortController();
        let left = 1 + seeded.below(1_401_201);
        const onBytes = (count: number): void => {
          left -= count;
          if (left <= 0) stopping.abort(new Error('enough'));
        };
        await assert.rejects(run({ signal: stopping.signal, onBytes }), /enough/);
        assert.equal((await contentOf(to)).size, 0);
      }
    }));
});
