import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertComplaint } from '../support/complaint.ts';
import { withInstallation } from '../support/installation.ts';
import { startRedis } from '../support/redis.ts';
import { openRedisLink } from '../support/redis-link.ts';
import { until } from '../support/until.ts';

const unused = { databases: { shop: { engine: 'postgres', url: 'postgres://u@127.0.0.1:1/shop' } } };

async function withPrivateRedis(
  use: Parameters<typeof withInstallation>[0] extends (i: infer I) => Promise<void>
    ? (installation: I, redis: Awaited<ReturnType<typeof startRedis>>) => Promise<void>
    : never,
): Promise<void> {
  const redis = await startRedis({ appendonly: true });
  try {
    await withInstallation((installation) => use(installation, redis), { redisUrl: redis.url });
  } finally {
    await redis.stop();
  }
}

describe('a worker whose Redis is away', () => {
  it('says so in /readyz, lives, and goes on when it is back', () =>
    withPrivateRedis(async ({ configure, start }, redis) => {
      await configure(unused);
      const worker = await start(['worker']);
      const { metrics } = readyLine(worker.log());
      await redis.kill('SIGKILL');
      await until('it is not ready', async () => (await fetch(`${metrics}/readyz`)).status === 503);
      assert.equal((await fetch(`${metrics}/livez`)).status, 200);
      await redis.restart();
      await until('it is ready again', async () => (await fetch(`${metrics}/readyz`)).status === 200);
      assert.equal(await worker.stop(), 0);
    }));

  it('still ends within seconds of SIGTERM', () =>
    withPrivateRedis(async ({ configure, start }, redis) => {
      await configure(unused);
      const worker = await start(['worker']);
      await redis.kill('SIGKILL');
      const asked = performance.now();
      assert.equal(await worker.stop(), 0);
      assert.ok(performance.now() - asked < 8_000);
    }));

  it('does not fill the log with it', () =>
    withPrivateRedis(async ({ configure, start }, redis) => {
      await configure(unused);
      const worker = await start(['worker']);
      await redis.kill('SIGKILL');
      await until('it has tried more than once', () => /"repeated":[1-9]/.test(worker.log()));
      const seconds = new Set(worker.log().match(/T[\d:]{8}/g)).size;
      assert.ok(worker.log().trim().split('\n').length <= 10 * seconds, worker.log());
    }));
});

describe('a command whose Redis goes away while it asks for something', () => {
  it('says so, and that it may have been done', () =>
    withInstallation(async ({ configure, env, run }) => {
      await configure(unused);
      const link = await openRedisLink(env.REDIS_URL ?? '');
      try {
        env.REDIS_URL = link.url;
        link.watch('requests', (chunk) => (chunk.includes('"database":"shop"') ? 'hold' : 'pass'));
        const asked = run('backup', 'shop');
        await until('the run is asked for', () => link.holds('requests'));
        await link.close();
        assertComplaint(await asked, {
          code: 'REDIS_UNAVAILABLE',
          message: /went away in the middle/,
          hint: /may have been done/,
        });
      } finally {
        await link.close().catch(() => undefined);
      }
    }));
});

function readyLine(log: string): { metrics: string } {
  const line = log.split('\n').find((each) => each.includes('"worker ready"'));
  return JSON.parse(line ?? '{}');
}
