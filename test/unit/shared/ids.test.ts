import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  databaseOf,
  isBackupId,
  isDatabaseName,
  isName,
  newAttemptId,
  newBackupId,
  timeOfBackup,
} from '../../../src/shared/ids.ts';

const at = new Date('2026-01-02T03:04:05.678Z');

describe('backup ids', () => {
  it('name the database and the time, and end in six characters that tell two of one second apart', () => {
    assert.equal(newBackupId({ database: 'shop', at, randomBelow: () => 0 }), 'shop-20260102T030405Z-aaaaaa');
    assert.notEqual(newBackupId({ database: 'shop', at }), newBackupId({ database: 'shop', at }));
  });

  it('are the same for the same slot, whoever makes them', () => {
    const slot = new Date('2026-01-02T02:00:00Z');
    const first = newBackupId({ database: 'shop', at, slot });
    assert.equal(newBackupId({ database: 'shop', at: new Date(), slot }), first);
    assert.match(first, /^shop-20260102T020000Z-[a-z2-7]{6}$/);
    assert.notEqual(newBackupId({ database: 'crm', at, slot }).slice(-6), first.slice(-6));
  });

  it('are read from the right, because a name may hold what looks like a time', () => {
    const name = 'shop-20250101t000000z-eu.west_1';
    const id = newBackupId({ database: name, at });
    assert.equal(databaseOf(id), name);
    assert.equal(timeOfBackup(id).toISOString(), '2026-01-02T03:04:05.000Z');
  });

  for (const text of [
    'shop',
    'shop-20260102T030405Z-abc',
    'shop-20260102T030405Z-abc018',
    '../x-20260102T030405Z-abc234',
    'SHOP-20260102T030405Z-abc234',
    '',
  ]) {
    it(`are not "${text}"`, () => {
      assert.equal(isBackupId(text), false);
      assert.throws(() => databaseOf(text), { code: 'USAGE' });
    });
  }
});

describe('names of what a configuration has', () => {
  for (const name of ['shop', '0', 'shop-eu', 'a.b_c-d', `a${'b'.repeat(62)}`]) {
    it(`may be "${name}"`, () => {
      assert.equal(isName(name), true);
      assert.equal(isDatabaseName(name), true);
    });
  }
  for (const name of [
    '',
    '-shop',
    '.hidden',
    '../../x',
    '..%2f',
    'a/b',
    'a\0b',
    'Shop',
    'ѕhop',
    `a${'b'.repeat(127)}`,
    '~53hop',
    'a b',
    'shop\n',
  ]) {
    it(`may not be ${JSON.stringify(name)}`, () => {
      assert.equal(isName(name), false);
      assert.equal(isDatabaseName(name), false);
    });
  }
});

describe('names of databases of a server', () => {
  for (const name of ['main.~53hop', `main.${'~c3~a9'.repeat(20)}`])
    it(`may be "${name}", which nothing in a configuration may`, () => {
      assert.equal(isDatabaseName(name), true);
      assert.equal(isName(name), false);
    });
});

describe('attempt ids', () => {
  it('are an a and eight characters, new every time', () => {
    assert.match(newAttemptId(), /^a[a-z2-7]{8}$/);
    assert.notEqual(newAttemptId(), newAttemptId());
  });
});
