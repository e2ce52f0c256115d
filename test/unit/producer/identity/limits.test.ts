import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLimits } from '../../../../src/producer/identity/limits.ts';
import { BackupDataError, hasCode } from '../../../../src/shared/errors.ts';
import { connectRedis } from '../../../../src/shared/redis.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { sharedRedis } from '../../../support/redis.ts';

const limited = (error: unknown): boolean => hasCode(error, 'RATE_LIMITED');
let count = 0;

/** The limits of two producers of one installation. */
async function withTwo(use: (limits: ReturnType<typeof createLimits>[]) => Promise<void>): Promise<void> {
  const server = await sharedRedis();
  const connections = [1, 2].map(() =>
    connectRedis({ url: new Secret(server.url), role: 'client', onError: () => undefined }),
  );
  count += 1;
  const installation = `limits-${process.pid}-${count}`;
  try {
    await Promise.all(connections.map((redis) => redis.connect()));
    await use(connections.map((redis) => createLimits({ redis, installation })));
  } finally {
    for (const redis of connections) redis.disconnect();
    await server.stop();
  }
}

describe('the limits', () => {
  it('count the wrong tokens of an address for all producers, and each address for itself', () =>
    withTwo(async ([one, other]) => {
      assert.ok(one && other);
      for (let tries = 0; tries < 5; tries += 1) {
        await one.countWrongToken('192.0.2.1');
        await other.countWrongToken('192.0.2.1');
      }
      await assert.rejects(other.countWrongToken('192.0.2.1'), (error) => {
        assert.ok(error instanceof BackupDataError);
        assert.ok((error.retryAfter ?? 0) >= 1 && (error.retryAfter ?? 0) <= 60, String(error.retryAfter));
        return limited(error);
      });
      await one.countWrongToken('192.0.2.2');
    }));

  it('tell once that an address asks too often, and take a /64 of IPv6 for one', () =>
    withTwo(async ([one]) => {
      assert.ok(one);
      const told: string[] = [];
      const wrong = (address: string): Promise<void> =>
        one.countWrongToken(address, () => told.push(address));
      for (let tries = 0; tries < 10; tries += 1) await wrong(`2001:db8:0:1::${tries}`);
      await assert.rejects(wrong('2001:db8:0:1:ffff:0:0:1'), limited);
      await assert.rejects(wrong('2001:0db8:0000:0001::9'), limited);
      assert.deepEqual(told, ['2001:db8:0:1:ffff:0:0:1']);
      await wrong('2001:db8:0:2::1');
      for (let tries = 0; tries < 10; tries += 1) await wrong('::ffff:192.0.2.9');
      await assert.rejects(wrong('192.0.2.9'), limited);
    }));

  it('let a token ask a thousand times, and no more', () =>
    withTwo(async ([one]) => {
      assert.ok(one);
      for (let asked = 0; asked < 1_000; asked += 100)
        await Promise.all(Array.from({ length: 100 }, () => one.countRequest('ci')));
      await assert.rejects(one.countRequest('ci'), limited);
      await one.countRequest('other');
    }));

  it('count in the process where Redis is away', async () => {
    const redis = connectRedis({
      url: new Secret('redis://127.0.0.1:1'),
      role: 'client',
      onError: () => undefined,
    });
    const limits = createLimits({ redis, installation: 'none' });
    for (let tries = 0; tries < 10; tries += 1) await limits.countWrongToken('192.0.2.1');
    await assert.rejects(limits.countWrongToken('192.0.2.1'), limited);
    redis.disconnect();
  });

  it('let a token follow fifty jobs at once, and another when it has left one', () =>
    withTwo(async ([one]) => {
      assert.ok(one);
      const ends = Array.from({ length: 50 }, () => one.beginToFollow('ci'));
      assert.throws(() => one.beginToFollow('ci'), limited);
      one.beginToFollow('other');
      ends[0]?.();
      one.beginToFollow('ci');
      assert.throws(() => one.beginToFollow('ci'), limited);
    }));
});
