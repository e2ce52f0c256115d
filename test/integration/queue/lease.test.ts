import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectRedis } from '../../../src/shared/redis.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { acquireLease, type Lease } from '../../../src/worker/lease.ts';
import { sharedRedis } from '../../support/redis.ts';

let count = 0;

async function withLeases(
  use: (
    acquire: (owner: string, duration?: number) => Promise<Lease>,
    redis: Redis,
    key: string,
  ) => Promise<void>,
): Promise<void> {
  const server = await sharedRedis();
  const redis = connectRedis({
    url: new Secret(server.url),
    role: 'worker',
    onError: (error) => assert.fail(error),
  });
  count += 1;
  const key = `lease-test-${process.pid}-${count}`;
  const { signal } = new AbortController();
  const clock = (): Date => new Date();
  try {
    await use(
      (owner, duration = 300) =>
        acquireLease({ redis, key, owner, duration, signal, clock, wait: (ms) => wait(ms) }),
      redis,
      key,
    );
  } finally {
    await redis.del(key);
    redis.disconnect();
    await server.stop();
  }
}

describe('the lease on a database', () => {
  it('is held by one attempt; another waits until that one died, and no longer', () =>
    withLeases(async (acquire, redis, key) => {
      await acquire('the dead one');
      const second = await acquire('the next one');
      assert.equal(await redis.get(key), 'the next one');
      await second.release();
      assert.equal(await redis.get(key), null);
    }));

  it('is refused while its holder lives', () =>
    withLeases(async (acquire) => {
      const held = await acquire('the living one');
      const renewing = setInterval(() => void held.renew(), 50);
      await assert
        .rejects(acquire('the next one'), { code: 'LEASE_BUSY', retryable: true, message: /the living one/ })
        .finally(() => clearInterval(renewing));
    }));

  it('that was lost is neither renewed nor released from under its new holder', () =>
    withLeases(async (acquire, redis, key) => {
      const lost = await acquire('the stopped one', 50);
      const held = await acquire('the new one', 5_000);
      assert.equal(await lost.renew(), false);
      await lost.release();
      assert.equal(await redis.get(key), 'the new one');
      assert.equal(await held.renew(), true);
    }));
});
