import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { manifestKey, prunedKey } from '../../../src/pipeline/catalog/keys.ts';
import { putPrunedMark } from '../../../src/pipeline/catalog/pruned.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { sweep } from '../../../src/pipeline/sweep.ts';
import { keysIn, storeBackup, storeMark } from '../../support/catalog-objects.ts';
import {
  assertNothingBroken,
  daysAgo,
  diesAt,
  storePin,
  verified,
  withStorage,
} from '../../support/retiring.ts';

const signal = new AbortController().signal;
const later = new Date(Date.now() + 3_600_000);
const earlier = new Date(Date.now() - 3_600_000);
const [newest, oldest] = [daysAgo(0), daysAgo(3)];

/** Everything is old enough, unless a test says otherwise. */
function sweepAll(storage: Storage, changes: Partial<Parameters<typeof sweep>[0]> = {}): Promise<number> {
  const options = { storage, database: 'shop', olderThan: later, retiredBefore: later, signal };
  return sweep({ ...options, live: new Set(), ...changes });
}

/** A backup as a prune leaves it, verified twice before. */
async function storeRetired(storage: Storage, backupId = oldest, retiredAt = new Date()): Promise<void> {
  await storeBackup(storage, { backupId });
  await storeMark(storage, backupId, verified('ok'));
  await storeMark(storage, backupId, verified('failed', { at: new Date('2026-02-01') }));
  const manifest = (await buffer(await storage.get(manifestKey(backupId), { signal }))).toString('utf8');
  const mark = { backupId, retiredAt: retiredAt.toISOString(), reasons: ['no rule keeps it'], manifest };
  await putPrunedMark({ storage, mark, signal });
  await storage.remove([manifestKey(backupId)], signal);
}

async function assertUntouched(storage: Storage, work: () => Promise<number>): Promise<void> {
  const before = await keysIn(storage);
  assert.equal(await work(), 0);
  assert.deepEqual(await keysIn(storage), before);
}

describe('a sweep of a retired backup', () => {
  it('removes nothing before the grace is over, however old its parts are', () =>
    withStorage(async (storage) => {
      await storeRetired(storage);
      await storage.put(`shop/data/${oldest}/azzzzzzzz/data.dump.zst`, Buffer.from('of a lost attempt'), {
        signal,
      });
      await assertUntouched(storage, () => sweepAll(storage, { retiredBefore: earlier }));
    }));

  it('removes all of it once the grace is over, and only that', () =>
    withStorage(async (storage) => {
      await storeBackup(storage, { backupId: newest });
      const before = await keysIn(storage);
      await storeRetired(storage);
      await storage.put(`shop/data/${oldest}/azzzzzzzz/data.dump.zst`, Buffer.from('of a lost attempt'), {
        signal,
      });
      assert.equal(await sweepAll(storage), 5);
      assert.deepEqual(await keysIn(storage), before);
      assert.equal(await sweepAll(storage), 0);
    }));

  it('waits for the later of what the mark says and what the storage says', () =>
    withStorage(async (storage, path) => {
      await storeRetired(storage, oldest, new Date(Date.now() + 2 * 3_600_000));
      await assertUntouched(storage, () => sweepAll(storage));
      await storeRetired(storage, oldest, new Date(0));
      await assertUntouched(storage, () => sweepAll(storage, { retiredBefore: earlier }));
      const yesterday = new Date(Date.now() - 86_400_000);
      await utimes(join(path, prunedKey(oldest)), yesterday, yesterday);
      assert.equal(await sweepAll(storage, { retiredBefore: earlier }), 4);
    }));

  it('goes by the storage alone where the mark cannot be read', () =>
    withStorage(async (storage) => {
      await storeRetired(storage);
      await storage.put(prunedKey(oldest), Buffer.from('{'), { signal });
      await assertUntouched(storage, () => sweepAll(storage, { retiredBefore: earlier }));
      assert.equal(await sweepAll(storage), 4);
    }));

  it('removes no byte while its manifest is there, or it is pinned, or named by a job', () =>
    withStorage(async (storage) => {
      const manifest = await storeBackup(storage, { backupId: newest });
      const mark = { backupId: newest, retiredAt: new Date(0).toISOString(), reasons: [], manifest: '' };
      await putPrunedMark({ storage, mark, signal });
      await assertUntouched(storage, () => sweepAll(storage));
      await storeRetired(storage);
      for (const live of [oldest, manifest.attemptId])
        await assertUntouched(storage, () => sweepAll(storage, { live: new Set([live]) }));
      await storePin(storage, oldest);
      await assertUntouched(storage, () => sweepAll(storage));
    }));

  it('stops before a backup whose manifest was put back meanwhile', () =>
    withStorage(async (storage) => {
      await storeRetired(storage);
      const undoing: Storage = {
        ...storage,
        get: async (key, options) => {
          if (key === prunedKey(oldest)) await storeBackup(storage, { backupId: oldest });
          return storage.get(key, options);
        },
      };
      assert.equal(await sweepAll(undoing), 0);
      await assertNothingBroken(storage);
    }));

  it('is not misled by marks in the folder of another database', () =>
    withStorage(async (storage) => {
      const other = daysAgo(3, 'crm');
      await storeBackup(storage, { backupId: other });
      await storage.put(`shop/catalog/${other}.pruned`, Buffer.from('{}'), { signal });
      await assertUntouched(storage, () => sweepAll(storage));
    }));

  it('that dies at any request keeps the mark until all else is gone, and the next one ends it', async () => {
    let step = 1;
    for (let died = true; died; step += 1) {
      await withStorage(async (storage) => {
        await storeBackup(storage, { backupId: newest });
        const before = await keysIn(storage);
        await storeRetired(storage);
        const dying = diesAt(storage, step);
        await sweepAll(dying).catch((error) => assert.match(error.message, /^died at/));
        died = dying.died();
        await assertNothingBroken(storage);
        const left = (await keysIn(storage)).filter((key) => key.includes(oldest));
        assert.ok(left.length === 0 || left.includes(prunedKey(oldest)), `step ${step}: ${left}`);
        await sweepAll(storage);
        assert.deepEqual(await keysIn(storage), before, `step ${step}`);
      });
    }
    assert.ok(step > 8, `it died at ${step} steps only`);
  });
});

describe('a sweep of orphans', () => {
  it('does not take a backup for one that is retired while the catalog is listed', () =>
    withStorage(async (storage) => {
      await storeBackup(storage, { backupId: oldest });
      // As a folder is read: one name before it is made, the other after it is gone.
      const missing: Storage = {
        ...storage,
        list: async function* (prefix, aborted) {
          if (prefix.endsWith('catalog/')) {
            await storeRetired(storage);
            return;
          }
          yield* storage.list(prefix, aborted);
        },
      };
      assert.equal(await sweepAll(missing), 0);
      await assertNothingBroken(storage);
    }));

  it('leaves every attempt of a run that a job names', () =>
    withStorage(async (storage) => {
      for (const attemptId of ['azzzzzzzz', 'ayyyyyyyy'])
        await storage.put(`shop/data/${newest}/${attemptId}/globals.sql.zst`, Buffer.from('x'), { signal });
      await assertUntouched(storage, () => sweepAll(storage, { live: new Set([newest]) }));
      assert.equal(await sweepAll(storage), 2);
    }));

  it('tells attempts of two runs apart that bear the same id', () =>
    withStorage(async (storage) => {
      await storeBackup(storage, { backupId: newest });
      await storage.put(`shop/data/${oldest}/aabcdefgh/data.dump.zst`, Buffer.from('an orphan'), { signal });
      assert.equal(await sweepAll(storage), 1);
      await assertNothingBroken(storage);
    }));
});
