import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answered, send, withApi } from '../../support/api.ts';
import { freePort } from '../../support/ports.ts';
import { type RedisOptions, startRedis, type TestRedis } from '../../support/redis.ts';
import { until } from '../../support/until.ts';

/** Milliseconds that count as at once. */
const atOnce = 2_000;

async function timed(ask: () => Promise<Answered>, limit = atOnce): Promise<Answered> {
  const started = performance.now();
  const answer = await ask();
  const took = performance.now() - started;
  assert.ok(took < limit, `it took ${Math.round(took)} ms`);
  return answer;
}

async function withRedis(options: RedisOptions, use: (redis: TestRedis) => Promise<void>): Promise<void> {
  const redis = await startRedis(options);
  try {
    await use(redis);
  } finally {
    await redis.stop();
  }
}

describe('while Redis is away', () => {
  it('what the catalog tells is answered, the rest refused at once, and all is well when it is back', () =>
    withRedis({ appendonly: true }, async (redis) => {
      await withApi(
        async ({ ask, installation, http }) => {
          const backup = await installation.run('backup', 'shop');
          assert.equal(backup.code, 0, backup.stderr);
          await redis.kill('SIGKILL');
          const reads = ['/backups', '/backups/shop', '/databases', '/me', '/openapi.json', '/prunes'];
          for (const path of reads)
            assert.equal((await timed(() => ask('viewer', 'GET', path))).status, 200, path);
          const writes = [
            ['/backups', { database: 'shop' }],
            ['/verifications', { backup: 'shop' }],
            ['/restores', { backup: 'shop', database: 'shop', targetDatabase: 'x', create: true }],
            ['/schedules/shop/pause', {}],
          ] as const;
          for (const [path, body] of writes) {
            for (const headers of [{}, { 'idempotency-key': 'k' }] as Record<string, string>[]) {
              const refused = await timed(() => ask('admin', 'POST', path, { body, headers }));
              assert.deepEqual([refused.status, refused.problem().code], [503, 'REDIS_UNAVAILABLE'], path);
              assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
              assert.equal(refused.problem().retryable, true);
            }
          }
          for (const path of ['/jobs', '/jobs/x', '/jobs/x/events', '/audit'])
            assert.equal((await timed(() => ask('admin', 'GET', path))).status, 503, path);
          const session = await fetch(`${http}/queues`, {
            headers: { cookie: `backupdata=${'a'.repeat(43)}` },
          });
          assert.equal(session.status, 503, 'a session cannot be looked up');
          await redis.restart();
          await until(
            'writes work again',
            async () =>
              (await ask('operator', 'POST', '/backups', { body: { database: 'shop' } })).status === 202,
          );
          assert.equal((await ask('admin', 'GET', '/audit')).status, 200);
        },
        { redisUrl: redis.url },
      );
    }));

  it('people are told so at once, by Bull Board and where they sign in', () =>
    withRedis({}, async (redis) => {
      await withApi(
        async ({ http, tokens }) => {
          const board = `${http}/queues/api/queues`;
          const look = (): Promise<Answered> => send(board, { method: 'GET', token: tokens.viewer });
          await until('the queues are shown', async () => (await look()).text.includes('restores'));
          await redis.kill('SIGKILL');
          for (const path of ['/queues/api/queues?activeQueue=backups', '/queues/api/queues/backups/x']) {
            const ask = { method: 'GET', token: tokens.viewer };
            const refused = await timed(() => send(`${http}${path}`, ask));
            assert.deepEqual([refused.status, refused.problem().code], [503, 'REDIS_UNAVAILABLE'], path);
          }
          const signIn = await timed(() =>
            send(`${http}/sign-in`, {
              method: 'POST',
              headers: {
                'content-type': 'application/x-www-form-urlencoded',
                'sec-fetch-site': 'same-origin',
              },
              body: `token=${tokens.viewer}`,
            }),
          );
          assert.deepEqual([signIn.status, signIn.headers.get('set-cookie')], [503, null]);
          assert.match(signIn.headers.get('retry-after') ?? '', /^\d+$/);
          assert.match(signIn.text, /role="alert"[^>]*>Redis at /);
        },
        { redisUrl: redis.url },
      );
    }));

  it('that is, while it hangs: the catalog is answered from, and the rest refused within seconds', () =>
    withRedis({}, async (redis) => {
      await withApi(
        async ({ ask, installation }) => {
          const backup = await installation.run('backup', 'shop');
          assert.equal(backup.code, 0, backup.stderr);
          await redis.kill('SIGSTOP');
          for (const path of ['/backups', '/databases', '/me'])
            assert.equal((await timed(() => ask('viewer', 'GET', path))).status, 200, path);
          const refused = await timed(
            () => ask('operator', 'POST', '/backups', { body: { database: 'shop' } }),
            8_000,
          );
          assert.deepEqual([refused.status, refused.problem().code], [503, 'REDIS_UNAVAILABLE']);
          await redis.kill('SIGCONT');
          await until('writes work again', async () => {
            const answer = await ask('operator', 'POST', '/backups', { body: { database: 'shop' } });
            return answer.status === 202;
          });
        },
        { redisUrl: redis.url },
      );
    }));

  it('the API answers from its start, and takes requests once Redis comes', () =>
    withRedis({}, async (redis) => {
      await withApi(
        async ({ installation, tokens, up }) => {
          assert.equal(await up.stop(), 0);
          await redis.kill('SIGKILL');
          const port = await freePort();
          const backups = `http://127.0.0.1:${port}/api/v1/backups`;
          const env = { PORT: String(port), LOG_LEVEL: 'debug' };
          const serve = await installation.start(['serve'], { env, ready: /Redis cannot be reached/ });
          await until('the catalog is answered from', async () => {
            const answer = await send(backups, { method: 'GET', token: tokens.viewer }).catch(
              () => undefined,
            );
            return answer?.status === 200;
          });
          assert.doesNotMatch(serve.log(), /producer ready/);
          const request = { method: 'POST', token: tokens.operator, body: { database: 'shop' } };
          assert.equal((await send(backups, request)).status, 503);
          await redis.restart();
          await until('it takes requests', async () => (await send(backups, request)).status === 202);
          assert.equal(await serve.stop(), 0);
        },
        { redisUrl: redis.url },
      );
    }));
});
