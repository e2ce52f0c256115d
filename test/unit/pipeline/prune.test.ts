import assert from 'node:assert/strict';
import { buffer, json } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { listEntries } from '../../../src/pipeline/catalog/catalog.ts';
import { manifestKey, prunedKey } from '../../../src/pipeline/catalog/keys.ts';
import { isPresent } from '../../../src/pipeline/catalog/pruned.ts';
import { prune } from '../../../src/pipeline/prune.ts';
import { planPrune } from '../../../src/pipeline/retention/plan.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { keysIn, storeBackup, storeDamagedManifest, storeMark } from '../../support/catalog-objects.ts';
import {
  assertNothingBroken,
  daysAgo,
  diesAt,
  keep,
  pruneRequest,
  storePin,
  verified,
  withStorage,
} from '../../support/retiring.ts';

const signal = new AbortController().signal;

async function listed(storage: Storage): Promise<string[]> {
  return (await listEntries({ storage, database: undefined, signal })).map(({ backupId }) => backupId);
}

async function storeDays(storage: Storage, ...days: number[]): Promise<string[]> {
  const ids = days.map((each) => daysAgo(each));
  for (const backupId of ids) await storeBackup(storage, { backupId });
  return ids;
}

describe('a prune', () => {
  it('retires what the retention does not keep: a mark with the manifest in it stays, and every part', () =>
    withStorage(async (storage) => {
      const [newest = '', middle = '', oldest = ''] = await storeDays(storage, 0, 1, 2);
      const before = await keysIn(storage);
      const manifest = await buffer(await storage.get(manifestKey(oldest), { signal }));
      assert.deepEqual(await prune(pruneRequest(storage)), [middle, oldest]);
      assert.deepEqual(await listed(storage), [newest]);
      const retired = [middle, oldest];
      const after = before.filter((key) => !retired.some((id) => key === manifestKey(id)));
      assert.deepEqual(await keysIn(storage), [...after, ...retired.map(prunedKey)].sort());
      const mark = (await json(await storage.get(prunedKey(oldest), { signal }))) as Record<string, unknown>;
      assert.deepEqual(Object.keys(mark), ['backupId', 'retiredAt', 'reasons', 'manifest']);
      assert.deepEqual([mark.backupId, mark.reasons], [oldest, ['no rule keeps it']]);
      assert.equal(mark.manifest, manifest.toString('utf8'));
      assert.deepEqual(await prune(pruneRequest(storage)), [], 'nothing is left to retire');
    }));

  it('plans without changing anything', () =>
    withStorage(async (storage) => {
      const [newest, oldest] = await storeDays(storage, 0, 1);
      const before = await keysIn(storage);
      const plan = await planPrune(pruneRequest(storage));
      assert.deepEqual(
        plan.map(({ backupId, decision, bytes }) => [backupId, decision, bytes]),
        [
          [newest, 'keep', `the bytes of ${newest}`.length],
          [oldest, 'retire', `the bytes of ${oldest}`.length],
        ],
      );
      assert.deepEqual(await keysIn(storage), before);
    }));

  it('keeps what is pinned, named by a job, damaged, or of another database', () =>
    withStorage(async (storage) => {
      const [newest = '', pinned = '', named = '', going = ''] = await storeDays(storage, 0, 1, 2, 3);
      const [damaged, other] = [daysAgo(4), daysAgo(9, 'crm')];
      await storePin(storage, pinned);
      await storeDamagedManifest(storage, damaged);
      await storeBackup(storage, { backupId: other });
      const retired = await prune(
        pruneRequest(storage, { named: async () => new Map([[named, new Set(['restore'])]]) }),
      );
      assert.deepEqual(retired, [going]);
      assert.deepEqual((await listed(storage)).sort(), [newest, pinned, named, damaged, other].sort());
    }));

  it('does not let a weaker proof clear a failure', () =>
    withStorage(async (storage) => {
      const [newest = '', older = '', oldest = ''] = await storeDays(storage, 0, 1, 2);
      await storeMark(storage, newest, verified('failed', { at: new Date('2026-01-01') }));
      await storeMark(storage, newest, verified('ok', { level: 'checksum', at: new Date('2026-01-02') }));
      assert.deepEqual(await prune(pruneRequest(storage)), [oldest]);
      await storeMark(storage, newest, verified('ok', { level: 'restore', at: new Date('2026-01-02') }));
      assert.deepEqual(await prune(pruneRequest(storage)), [older]);
    }));

  it('judges by the newest verification', () =>
    withStorage(async (storage) => {
      const [newest = '', mended = '', oldest = ''] = await storeDays(storage, 0, 1, 2);
      await storeMark(storage, newest, verified('failed'));
      await storeMark(storage, mended, verified('failed', { at: new Date('2026-01-01') }));
      await storeMark(storage, mended, verified('ok', { at: new Date('2026-01-02') }));
      assert.deepEqual(await prune(pruneRequest(storage)), [oldest]);
      await storeMark(storage, mended, verified('failed', { at: new Date('2026-01-02') }));
      assert.deepEqual(
        await prune(pruneRequest(storage)),
        [mended],
        'of two in one second, the one that failed',
      );
    }));

  it('does not let a backup that is yet to be verified stand for one that is known to be good', async () => {
    for (const job of ['backup', 'verify']) {
      await withStorage(async (storage) => {
        const [newest = '', middle = '', oldest = ''] = await storeDays(storage, 0, 1, 2);
        const named = async () => new Map([[newest, new Set(['copy', job])]]);
        assert.deepEqual(await prune(pruneRequest(storage, { named })), [oldest]);
        await storeMark(storage, newest, verified('ok'));
        assert.deepEqual(await prune(pruneRequest(storage, { named })), [middle], 'a proof is a proof');
      });
    }
  });

  it('misses no verdict that comes while it lists', () =>
    withStorage(async (storage) => {
      const [newest = '', middle = ''] = await storeDays(storage, 0, 1);
      let jobs = ['verify'];
      const listing: Storage = {
        ...storage,
        list: async function* (...args) {
          yield* storage.list(...args);
          // The job ends: what was listed as unverified is found bad, and named no more.
          if (jobs.length > 0) await storeMark(storage, newest, verified('failed'));
          jobs = [];
        },
      };
      const named = async () => new Map([[newest, new Set(jobs)]]);
      const plan = await planPrune(pruneRequest(listing, { named }));
      assert.deepEqual(
        plan.map(({ backupId, decision }) => [backupId, decision]),
        [
          [newest, 'keep'],
          [middle, 'keep'],
        ],
      );
    }));

  it('retires nothing when a manifest cannot be fetched', () =>
    withStorage(async (storage) => {
      const [, oldest = ''] = await storeDays(storage, 0, 1);
      const failing: Storage = {
        ...storage,
        get: (key, options) =>
          key === manifestKey(oldest) ? Promise.reject(new Error('away')) : storage.get(key, options),
      };
      await assert.rejects(prune(pruneRequest(failing)), /away/);
      assert.equal((await listed(storage)).length, 2);
    }));

  it('spares a backup that is pinned, named, or found to be the last good one after it was marked', async () => {
    const turns: Record<
      string,
      (storage: Storage, ids: { newest: string; oldest: string }) => Promise<void>
    > = {
      pinned: (storage, { oldest }) => storePin(storage, oldest),
      'the last good one': (storage, { newest }) => storeMark(storage, newest, verified('failed')),
    };
    for (const [turn, happen] of Object.entries(turns)) {
      await withStorage(async (storage) => {
        const [newest = '', oldest = ''] = await storeDays(storage, 0, 1);
        const marking: Storage = {
          ...storage,
          put: async (...args) => {
            const stored = await storage.put(...args);
            if (args[0] === prunedKey(oldest)) await happen(storage, { newest, oldest });
            return stored;
          },
        };
        assert.deepEqual(await prune(pruneRequest(marking)), [], turn);
        assert.deepEqual(await listed(storage), [newest, oldest], turn);
        assert.equal(await isPresent(storage, prunedKey(oldest), signal), false, turn);
      });
    }
    await withStorage(async (storage) => {
      const [newest = '', oldest = ''] = await storeDays(storage, 0, 1);
      let asked = 0;
      const named = async () => {
        asked += 1;
        return new Map(asked > 2 ? [[oldest, new Set(['restore'])]] : []);
      };
      assert.deepEqual(await prune(pruneRequest(storage, { named })), []);
      assert.deepEqual(await listed(storage), [newest, oldest]);
    });
  });

  it('retires more than a batch', () =>
    withStorage(async (storage) => {
      const ids = Array.from({ length: 105 }, (_, index) => daysAgo(index));
      for (const backupId of ids) await storeBackup(storage, { backupId });
      assert.equal((await prune(pruneRequest(storage))).length, 104);
      assert.deepEqual(await listed(storage), ids.slice(0, 1));
      await assertNothingBroken(storage);
    }));
});

describe('a prune that dies', () => {
  it('at any request leaves every listed backup whole, and the next one ends what it began', async () => {
    let step = 1;
    for (let died = true; died; step += 1) {
      await withStorage(async (storage) => {
        const [newest = '', pinned = '', ...going] = await storeDays(storage, 0, 1, 2, 3, 4);
        await storePin(storage, pinned);
        const dying = diesAt(storage, step);
        await prune(pruneRequest(dying)).catch((error) => assert.match(error.message, /^died at/));
        died = dying.died();
        await assertNothingBroken(storage);
        assert.deepEqual((await listed(storage)).slice(0, 2), [newest, pinned], `step ${step}`);
        await prune(pruneRequest(storage));
        await assertNothingBroken(storage);
        assert.deepEqual(await listed(storage), [newest, pinned], `step ${step}`);
        const marks = (await keysIn(storage)).filter((key) => key.endsWith('.pruned'));
        assert.deepEqual(marks, going.map(prunedKey).sort(), `step ${step}`);
      });
    }
    assert.ok(step > 20, `it died at ${step} steps only`);
  });

  it('has its mark taken away by the next one where the backup is now to be kept', async () => {
    let step = 1;
    for (let died = true; died; step += 1) {
      await withStorage(async (storage) => {
        const ids = await storeDays(storage, 0, 1, 2);
        const dying = diesAt(storage, step);
        await prune(pruneRequest(dying)).catch(() => undefined);
        died = dying.died();
        const left = await listed(storage);
        const generous = keep({ last: 3 });
        const retired = await prune(
          pruneRequest(storage, { database: { name: 'shop', timezone: 'UTC', retention: generous } }),
        );
        assert.deepEqual(retired, []);
        assert.deepEqual(await listed(storage), left);
        for (const backupId of ids)
          assert.equal(await isPresent(storage, prunedKey(backupId), signal), !left.includes(backupId));
      });
    }
  });

  it('begins the grace anew when it is ended by the next one', () =>
    withStorage(async (storage) => {
      const [, oldest = ''] = await storeDays(storage, 1, 2);
      const dying: Storage = { ...storage, remove: () => Promise.reject(new Error('died')) };
      const early = new Date(Date.now() - 1_000_000);
      await assert.rejects(prune(pruneRequest(dying, { clock: () => early })), /died/);
      await prune(pruneRequest(storage));
      const mark = (await json(await storage.get(prunedKey(oldest), { signal }))) as { retiredAt: string };
      assert.ok(Date.parse(mark.retiredAt) > early.getTime());
    }));
});

describe('two prunes at once', () => {
  it('of which one keeps what the other retires never leave parts without a mark', () =>
    withStorage(async (storage) => {
      const [newest = '', oldest = ''] = await storeDays(storage, 0, 1);
      const keeping = pruneRequest(storage, { named: async () => new Map([[oldest, new Set(['restore'])]]) });
      const interrupted: Storage = {
        ...storage,
        remove: async (keys, aborted) => {
          if (keys.includes(manifestKey(oldest))) {
            assert.deepEqual(await prune(keeping), []);
            assert.equal(await isPresent(storage, prunedKey(oldest), signal), false);
          }
          return storage.remove(keys, aborted);
        },
      };
      assert.deepEqual(await prune(pruneRequest(interrupted)), [oldest]);
      assert.deepEqual(await listed(storage), [newest]);
      await assertNothingBroken(storage);
    }));

  it('put the mark back that was taken away as the manifest went', () =>
    withStorage(async (storage) => {
      const [newest = '', oldest = ''] = await storeDays(storage, 0, 1);
      const dying: Storage = { ...storage, remove: () => Promise.reject(new Error('died')) };
      await assert.rejects(prune(pruneRequest(dying)), /died/);
      const clearing: Storage = {
        ...storage,
        remove: async (keys, aborted) => {
          if (keys.includes(prunedKey(oldest))) await storage.remove([manifestKey(oldest)], signal);
          return storage.remove(keys, aborted);
        },
      };
      const named = async () => new Map([[oldest, new Set(['restore'])]]);
      assert.deepEqual(await prune(pruneRequest(clearing, { named })), []);
      assert.deepEqual(await listed(storage), [newest]);
      await assertNothingBroken(storage);
    }));
});

describe('a prune of copies', () => {
  it('holds what was found bad at home against a copy, and writes it down before it is forgotten there', () =>
    withStorage((home) =>
      withStorage(async (copies) => {
        const ids = [daysAgo(0), daysAgo(1), daysAgo(2)];
        const [newest = '', middle = '', oldest = ''] = ids;
        for (const storage of [home, copies])
          for (const backupId of ids) await storeBackup(storage, { backupId });
        await storeMark(home, newest, verified('failed'));
        await storeMark(home, middle, verified('ok'));
        const plan = await planPrune(pruneRequest(copies, { home }));
        assert.deepEqual(
          plan.map(({ decision }) => decision),
          ['keep', 'keep', 'retire'],
        );
        assert.equal((await keysIn(copies)).length, 6, 'a plan writes nothing');
        assert.deepEqual(await prune(pruneRequest(copies, { home })), [oldest]);
        for (const key of await keysIn(home)) await home.remove([key], signal);
        assert.deepEqual(await prune(pruneRequest(copies, { home })), []);
        await storeMark(copies, newest, verified('ok', { at: new Date('2026-02-01') }));
        assert.deepEqual(
          await prune(pruneRequest(copies, { home })),
          [middle],
          'its own newest verification decides',
        );
      }),
    ));

  it('lets no weaker proof of a copy refute what was found in the backup at home', () =>
    withStorage((home) =>
      withStorage(async (copies) => {
        const [newest = '', oldest = ''] = await storeDays(copies, 0, 1);
        await storeBackup(home, { backupId: newest });
        await storeMark(home, newest, verified('failed'));
        await storeMark(copies, newest, verified('ok', { level: 'checksum', at: new Date('2026-02-01') }));
        const plan = await planPrune(pruneRequest(copies, { home }));
        assert.deepEqual(
          plan.map(({ backupId, decision }) => [backupId, decision]),
          [
            [newest, 'keep'],
            [oldest, 'keep'],
          ],
        );
      }),
    ));

  it('does not hold against a copy that the bytes at home were damaged', () =>
    withStorage((home) =>
      withStorage(async (copies) => {
        const [newest = '', oldest = ''] = await storeDays(copies, 0, 1);
        await storeBackup(home, { backupId: newest });
        await storeMark(home, newest, verified('failed', { level: 'checksum' }));
        assert.deepEqual(await prune(pruneRequest(copies, { home })), [oldest]);
      }),
    ));

  it('keeps the copy of what is pinned at home, and retires nothing while home cannot be read', () =>
    withStorage((home) =>
      withStorage(async (copies) => {
        const [, oldest = ''] = await storeDays(copies, 0, 1);
        await storeBackup(home, { backupId: oldest });
        await storePin(home, oldest);
        assert.deepEqual(await prune(pruneRequest(copies, { home })), []);
        const away: Storage = {
          ...home,
          list: () => {
            throw new Error('away');
          },
        };
        await assert.rejects(prune(pruneRequest(copies, { home: away })), /away/);
        assert.equal((await listed(copies)).length, 2);
      }),
    ));
});
