import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { earlierSizes, unusualSize, usualOf, withSizeJudged } from '../../../src/pipeline/usual-size.ts';
import { storeDamagedManifest, storeManifest } from '../../support/catalog-objects.ts';
import { sampleDatabase } from '../../support/database.ts';
import { withFolder } from '../../support/folder.ts';
import { sampleManifest } from '../../support/manifest.ts';

const mebibyte = 1_048_576;
const signal = new AbortController().signal;

describe('the usual size', () => {
  it('is the median of the last backups, in whole bytes', () => {
    assert.equal(usualOf([9, 1, 5], 5), 5);
    assert.equal(usualOf([9, 1, 5, 4], 5), 5, 'of an even number, the mean of the two in the middle');
    assert.equal(usualOf([1_000_000, 3, 2], 3), 3, 'one that was unusual itself does not move it far');
  });

  it('is not known from fewer than two, unless one is all that is asked for', () => {
    assert.equal(usualOf([], 5), null);
    assert.equal(usualOf([7], 5), null);
    assert.equal(usualOf([7], 1), 7);
    assert.equal(usualOf([], 1), null);
  });
});

describe('a size', () => {
  const usualBytes = 30 * mebibyte;
  const judge = (bytes: number, usual: number | null | undefined = usualBytes, factor = 3) =>
    unusualSize({ bytes, usualBytes: usual }, { action: 'warn', factor, last: 5 });

  it('is unusual beyond the factor, either way, and not at it', () => {
    for (const bytes of [10, 30, 90].map((count) => count * mebibyte)) assert.equal(judge(bytes), undefined);
    assert.equal(
      judge(120 * mebibyte),
      'its size is unusual: 120 MiB stored, more than 3 times the 30 MiB that the last backups had',
    );
    assert.equal(
      judge(5 * mebibyte),
      'its size is unusual: 5 MiB stored, less than 1/3 of the 30 MiB that the last backups had',
    );
    assert.match(judge(0) ?? '', /0 B stored, less than 1\/3 of/);
    assert.match(judge(50 * mebibyte, usualBytes, 1.5) ?? '', /more than 1.5 times/);
  });

  it('is not judged where nothing is usual yet, where nobody asks, and where both are tiny', () => {
    assert.equal(judge(1, null), undefined);
    assert.equal(unusualSize({ bytes: 1 }, { action: 'warn', factor: 3, last: 5 }), undefined);
    assert.equal(unusualSize({ bytes: 1, usualBytes }, { action: 'off', factor: 3, last: 5 }), undefined);
    assert.equal(judge(mebibyte - 1, 10_000), undefined);
    assert.match(judge(mebibyte, 10_000) ?? '', /1 MiB stored/);
    assert.match(judge(10_000, 4 * mebibyte) ?? '', /9.8 KiB stored/);
  });

  it('that is unusual is noted, or the backup is refused', () => {
    const manifest = sampleManifest({ bytes: 200 * mebibyte, usualBytes, notes: ['no globals'] });
    const judged = (action: 'off' | 'warn' | 'fail') =>
      withSizeJudged(manifest, sampleDatabase({ sizeAnomaly: { action, factor: 3, last: 5 } }));
    assert.equal(judged('off'), manifest);
    assert.deepEqual(judged('warn').notes, [
      'no globals',
      'its size is unusual: 200 MiB stored, more than 3 times the 30 MiB that the last backups had',
    ]);
    assert.throws(() => judged('fail'), {
      code: 'SIZE_ANOMALY',
      retryable: false,
      message: /^the backup of "shop" was not committed: its size is unusual: 200 MiB/,
      hint: /set sizeAnomaly.action to warn/,
    });
  });
});

describe('the sizes of earlier backups', () => {
  const idOf = (day: number): string => `shop-2026010${day}T030405Z-abc234`;
  const database = sampleDatabase();
  const codecs = [{ name: 'zstd' }];
  const withSizes = (sizes: readonly number[], use: (storage: Storage) => Promise<void>): Promise<void> =>
    withFolder(async (path) => {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      for (const [index, bytes] of sizes.entries())
        await storeManifest(storage, { backupId: idOf(index + 1), bytes });
      await use(storage);
    });

  it('are those of the newest, so many as are asked for', () =>
    withSizes([900, 800, 30, 20, 10], async (storage) => {
      const sizeAnomaly = { action: 'warn', factor: 3, last: 3 } as const;
      const sizes = await earlierSizes({ storage, database: { ...database, sizeAnomaly }, codecs, signal });
      assert.deepEqual(sizes, { last: 10, usual: 20 });
    }));

  it('are compared only with backups of as much, stored in the same way', () =>
    withSizes([40, 60], async (storage) => {
      const { source } = sampleManifest();
      await storeManifest(storage, {
        backupId: idOf(3),
        bytes: 1,
        source: { ...source, extent: 'selection' },
      });
      await storeManifest(storage, { backupId: idOf(4), bytes: 2, codecs: [] });
      assert.deepEqual(await earlierSizes({ storage, database, codecs, signal }), { last: 2, usual: 50 });
      const selection = sampleDatabase({ schemaOnly: true });
      assert.deepEqual(await earlierSizes({ storage, database: selection, codecs, signal }), {
        last: 2,
        usual: null,
      });
    }));

  it('leave out a manifest that is damaged, and are unknown where the storage cannot tell', () =>
    withSizes([40, 60], async (storage) => {
      await storeDamagedManifest(storage, idOf(5));
      assert.deepEqual(await earlierSizes({ storage, database, codecs, signal }), { last: null, usual: 50 });
      const away: Storage = {
        ...storage,
        list: () => {
          throw new Error('away');
        },
      };
      assert.deepEqual(await earlierSizes({ storage: away, database, codecs, signal }), {
        last: null,
        usual: null,
      });
    }));

  it('are not asked for where sizes are not judged', () =>
    withSizes([40, 60], async (storage) => {
      const sizeAnomaly = { action: 'off', factor: 3, last: 5 } as const;
      const sizes = await earlierSizes({ storage, database: { ...database, sizeAnomaly }, codecs, signal });
      assert.deepEqual(sizes, { last: 60, usual: undefined });
    }));
});
