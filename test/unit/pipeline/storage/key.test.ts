import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertKey, assertPrefix, isKey } from '../../../../src/pipeline/storage/key.ts';
import { hasCode } from '../../../../src/shared/errors.ts';

describe('assertKey', () => {
  it('accepts every key of the stored format', () => {
    const id = 'shop-20260102T030405Z-abc234';
    const database = 'x'.repeat(63);
    const keys = [
      'backupdata.json',
      `shop/catalog/${id}.json`,
      `shop/catalog/${id}.verified-20260102T030405Z-restore-failed-86400s`,
      `shop/data/${id}/aabcdefgh/data-0001.dump.zst.age.0001`,
      `${database}/data/${database}-20260102T030405Z-abc234/aabcdefgh/RESTORE.md`,
    ];
    for (const key of keys) assertKey(key);
  });

  it('counts the limits to the byte', () => {
    assert.ok(isKey('x'.repeat(200)));
    assert.ok(!isKey('x'.repeat(201)));
    const segments = `${'x'.repeat(127)}/`.repeat(8);
    assert.ok(isKey(segments.slice(0, -1)));
    assert.ok(isKey(`${segments.slice(0, -2)}/x`));
    assert.ok(!isKey(`${segments}x`));
  });

  it('names the fault, and shows a long or unprintable key harmlessly', () => {
    const message = (key: string) => {
      try {
        assertKey(key);
        return 'accepted';
      } catch (error) {
        assert.ok(hasCode(error, 'KEY_INVALID') && error.hint !== null);
        return error.message;
      }
    };
    assert.match(message('a/../b'), /holds the segment "\.\."/);
    assert.match(message('a\u001b[31m'), /^[\x20-\x7e]*not printable ASCII$/);
    assert.ok(message('x/'.repeat(5000)).length < 300);
  });
});

describe('assertPrefix', () => {
  it('accepts a prefix that stops anywhere', () => {
    for (const prefix of ['', 's', 'shop', 'shop/', 'shop/.', 'shop/..', 'shop/catalog/x'])
      assertPrefix(prefix);
  });

  it('refuses one that leads out of the storage', () => {
    for (const prefix of ['/', '../', 'a/../', 'a//', './']) {
      assert.throws(
        () => assertPrefix(prefix),
        (error) => hasCode(error, 'KEY_INVALID'),
        prefix,
      );
    }
  });
});
