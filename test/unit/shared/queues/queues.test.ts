import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QueueConfig } from '../../../../src/shared/config/schema.ts';
import { sourceFingerprint } from '../../../../src/shared/fingerprint.ts';
import { parsePools, queueName, redisPrefix } from '../../../../src/shared/queues/names.ts';
import { retryDelay } from '../../../../src/shared/queues/options.ts';
import { parsePayload } from '../../../../src/shared/queues/payloads.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { sampleDatabase } from '../../../support/database.ts';

const queue: QueueConfig = {
  lockDuration: 60_000,
  stalledInterval: 15_000,
  maxStalledCount: 2,
  attempts: 6,
  backoff: { initial: 30_000, max: 480_000 },
  drift: { retry: 30_000, giveUp: 600_000 },
};

describe('the delay before the next attempt', () => {
  it('doubles from 30 s and stops at 8 min', () => {
    const delays = [1, 2, 3, 4, 5, 6, 40].map((made) => retryDelay(made, queue, () => 0) / 1_000);
    assert.deepEqual(delays, [30, 60, 120, 240, 480, 480, 480]);
  });

  it('is shorter by up to a quarter at random, so that a fleet does not come back at once', () => {
    assert.equal(
      retryDelay(1, queue, () => 0.5),
      26_250,
    );
    assert.ok(retryDelay(1, queue, () => 0.999_999) >= 22_500);
  });
});

describe('names of queues', () => {
  it('tell the pool, and stay in one slot of a Redis Cluster', () => {
    assert.deepEqual(
      [queueName('backups', 'default'), queueName('backups', 'eu')],
      ['backups', 'backups.eu'],
    );
    assert.equal(redisPrefix('one'), '{backupdata:one}');
    assert.deepEqual(parsePools('eu, default,eu'), ['eu', 'default']);
    for (const bad of ['', 'eu,', '../x', 'EU']) assert.throws(() => parsePools(bad), { code: 'USAGE' }, bad);
  });
});

describe('a payload', () => {
  const payload = {
    backupId: 'shop-20260102T030405Z-abc234',
    database: 'shop',
    source: 'a'.repeat(64),
    trigger: { kind: 'manual' },
  };

  it('is read when it is whole', () => assert.deepEqual(parsePayload('backup', payload), payload));

  for (const [what, data] of [
    ['of another release', { ...payload, more: 1 }],
    ['with a path for a name', { ...payload, database: '../shop' }],
    ['without its source', { ...payload, source: undefined }],
    ['that is nothing', undefined],
  ] as const) {
    it(`${what} is refused for good`, () => {
      assert.throws(() => parsePayload('backup', data), { code: 'PAYLOAD_INVALID', retryable: false });
    });
  }
});

describe('the fingerprint of a source', () => {
  const of = (url: string): string => sourceFingerprint(sampleDatabase({ url: new Secret(url) }));
  const same = of('postgres://me:secret@db.example:5432/shop');

  it('does not depend on the password, which may be rotated', () => {
    assert.equal(of('postgres://me:rotated@db.example:5432/shop'), same);
  });

  for (const url of [
    'postgres://me:secret@db.example:5433/shop',
    'postgres://me:secret@other.example:5432/shop',
    'postgres://you:secret@db.example:5432/shop',
    'postgres://me:secret@db.example:5432/crm',
    'postgres://me:secret@db.example:5432/shop?host=/var/run/postgresql',
  ]) {
    it(`tells ${new URL(url).host}${new URL(url).pathname}${new URL(url).search} by ${new URL(url).username} apart`, () =>
      assert.notEqual(of(url), same));
  }
});
