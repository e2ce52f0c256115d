import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { prunedKey } from '../../../src/pipeline/catalog/keys.ts';
import { missingCopies } from '../../../src/pipeline/missing-copies.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import type { RetentionConfig } from '../../../src/shared/config/policy-schema.ts';
import { storeDamagedManifest, storeManifest } from '../../support/catalog-objects.ts';
import { withFolder } from '../../support/folder.ts';

const signal = new AbortController().signal;
const day = 86_400_000;

/** One a day, oldest first. */
const ids = Array.from({ length: 9 }, (_, n) => `shop-2026010${n + 1}T030405Z-abc234`);
const [first = '', second = '', third = ''] = ids.toReversed();

const counts: RetentionConfig = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

function withStorages(
  use: (place: {
    from: Storage;
    to: Storage;
    missing: (retention: RetentionConfig | null) => Promise<string[]>;
  }) => Promise<void>,
): Promise<void> {
  return withFolder(async (path) => {
    const [from, to] = await Promise.all(
      ['from', 'to'].map((name) => openStorage({ name, config: { type: 'local', path: join(path, name) } })),
    );
    assert.ok(from && to);
    for (const backupId of ids) await storeManifest(from, { backupId });
    const now = new Date('2026-01-09T12:00:00Z');
    const missing = (retention: RetentionConfig | null) =>
      missingCopies({ from, to, database: 'shop', retention, now, signal });
    await use({ from, to, missing });
  });
}

describe('copies that are missing', () => {
  it('are all that the other storage does not hold, newest first, where nothing is retired', () =>
    withStorages(async ({ to, missing }) => {
      assert.deepEqual(await missing(null), ids.toReversed());
      await storeManifest(to, { backupId: second });
      await storeDamagedManifest(to, ids[0] ?? '');
      assert.deepEqual(
        await missing(null),
        ids.toReversed().filter((id) => id !== second && id !== ids[0]),
      );
    }));

  it('are only those that the retention keeps for certain, so that none is copied and retired in turns', () =>
    withStorages(async ({ missing }) => {
      assert.deepEqual(await missing({ ...counts, last: 3 }), [first, second, third]);
      assert.deepEqual(await missing({ ...counts, within: 2 * day }), [first, second]);
      assert.deepEqual(await missing({ ...counts, last: 1, within: 3 * day }), [first, second, third]);
      assert.deepEqual(await missing({ ...counts, weekly: 4 }), [first]);
    }));

  it('are none that were retired there', () =>
    withStorages(async ({ to, missing }) => {
      await to.put(prunedKey(second), Buffer.from('{}\n'), { signal });
      assert.deepEqual(await missing({ ...counts, last: 3 }), [first, third]);
    }));
});
