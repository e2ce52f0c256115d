import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { newToken } from '../../src/producer/identity/tokens.ts';
import { connectRemote } from '../../src/producer/remote/remote.ts';
import { hasCode } from '../../src/shared/errors.ts';
import { createBulk } from '../support/bulk-database.ts';
import { callRpc, withGrpc } from '../support/grpc.ts';
import { hangMidway } from '../support/hung-dump.ts';
import { withInstallation } from '../support/installation.ts';
import { callOfTest } from '../support/operations.ts';
import { freePort } from '../support/ports.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const call = callOfTest();

describe('who works through a server', () => {
  it('goes on to follow a job when the server was killed and is back', () =>
    withInstallation(async (installation) => {
      const { postgres, configure, start } = installation;
      const source = await createBulk(postgres, 16);
      const { token, sha256 } = newToken(randomBytes);
      const auth = { tokens: [{ name: 'ci', role: 'operator', sha256 }] };
      await configure({ databases: { shop: { engine: 'postgres', url: postgres.url(source) } }, auth });
      const port = String(await freePort());
      const serve = () => start(['serve'], { env: { GRPC_PORT: port } });
      const server = await serve();
      await start(['worker']);
      const { operations, close } = connectRemote({ server: `127.0.0.1:${port}`, token });
      try {
        const { jobId } = await operations.backup({ database: 'shop' }, call);
        const seen: string[] = [];
        const followed = (async () => {
          for await (const { state } of operations.follow({ jobId }, call)) seen.push(state);
        })();
        const wake = await hangMidway(installation, { backupId: jobId, source });
        try {
          await until('it is followed', () => seen.includes('active'));
          await server.stop('SIGKILL');
          await until('it tries to connect again', () => seen.at(-1) === 'reconnecting');
          const away = await operations.listDatabases({}, call).catch((error: unknown) => error);
          assert.ok(hasCode(away, 'SERVER_UNAVAILABLE'), String(away));
          assert.match(away.message, new RegExp(`127\\.0\\.0\\.1:${port} does not answer`));
          await serve();
          await until('it is followed again', () => seen.at(-1) === 'active');
        } finally {
          wake();
        }
        await followed;
        assert.equal(seen.at(-1), 'completed');
      } finally {
        close();
      }
    }));

  it('is told within ten seconds that nothing answers there', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined).resume());
    });
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as { port: number };
    const { operations, close } = connectRemote({ server: `127.0.0.1:${port}`, token: 'x' });
    try {
      const asked = performance.now();
      const [error, followError] = await Promise.all([
        operations.listDatabases({}, call).catch((thrown: unknown) => thrown),
        Array.fromAsync(operations.follow({ jobId: 'job' }, call)).catch((thrown: unknown) => thrown),
      ]);
      assert.ok(performance.now() - asked < 11_000);
      for (const each of [error, followError]) {
        assert.ok(hasCode(each, 'SERVER_UNAVAILABLE'), String(each));
        assert.match(each.message, new RegExp(`127\\.0\\.0\\.1:${port} does not answer`));
      }
    } finally {
      close();
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });
});

describe('a server of gRPC whose Redis is away', () => {
  it('answers what the storages know, and refuses the rest at once, until Redis is back', async () => {
    const redis = await startRedis({ appendonly: true });
    try {
      await withInstallation(
        async (installation) => {
          const { configure } = installation;
          await configure({
            databases: { shop: { engine: 'postgres', url: 'postgres://u@127.0.0.1:1/shop' } },
          });
          await withGrpc(installation, async ({ remote, channel }) => {
            const { operations } = remote();
            const { jobId } = await operations.backup({ database: 'shop' }, call);
            await redis.kill('SIGKILL');
            await until('it is known to be away', async () => {
              const error = await operations.listJobs({}, call).catch((thrown: unknown) => thrown);
              return hasCode(error, 'REDIS_UNAVAILABLE');
            });
            const asked = performance.now();
            const writes = { RunBackup: { database: 'shop' }, CancelJob: { jobId }, RetryJob: { jobId } };
            for (const [rpc, message] of Object.entries(writes)) {
              const { error } = await callRpc(channel(), rpc, message);
              assert.equal(error?.code, status.UNAVAILABLE, `${rpc}: ${error?.details}`);
            }
            const following = Array.fromAsync(operations.follow({ jobId }, call));
            await assert.rejects(following, (error) => hasCode(error, 'REDIS_UNAVAILABLE'));
            assert.deepEqual((await operations.listBackups({}, call)).backups, []);
            assert.equal((await operations.listDatabases({}, call)).databases.length, 1);
            assert.ok(performance.now() - asked < 2_000, 'it waited for Redis');
            await redis.restart();
            await until('jobs are told again', async () => {
              const listed = await operations.listJobs({}, call).catch(() => undefined);
              return listed?.jobs[0]?.id === jobId;
            });
          });
        },
        { redisUrl: redis.url },
      );
    } finally {
      await redis.stop();
    }
  });
});
