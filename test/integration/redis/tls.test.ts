import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow, withFolder } from '../../support/folder.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { quickDump, redisSource, withRestored } from '../../support/redis-restored.ts';
import { withRedis } from '../../support/redis-sample.ts';
import { makeTestCa, type TestCa } from '../../support/tls.ts';
import { until } from '../../support/until.ts';

describe('a Redis that demands TLS', () => {
  it('is backed up with its authority, with and without a client certificate', () =>
    withAuthority(async ({ authority, folder }) => {
      const { client } = authority;
      for (const clients of [false, true]) {
        await withServer({ authority, clients }, async ({ url, port }) => {
          const given = clients ? `&cert=${client.cert}&key=${client.key}` : '';
          for (const host of ['localhost', '127.0.0.1'])
            await backUpAndCompare(
              `${url.replace('127.0.0.1', host)}?cacert=${authority.ca}${given}`,
              join(folder, `${host}-${clients}-${port}.rdb`),
            );
        });
      }
    }));

  it('is refused without its authority, or with another one', () =>
    withAuthority(async ({ authority, folder }) => {
      const other = await makeTestCa(join(folder, 'other'));
      await withServer({ authority, clients: false }, async ({ url }) => {
        await refuses(url, /self-signed certificate in certificate chain|unable to (verify|get)/);
        await refuses(`${url}?cacert=${other.ca}`, /certificate/);
        await backUpAndCompare(`${url}?insecure=true`, join(folder, 'insecure.rdb'));
      });
    }));

  it('is refused when its certificate is for another host, unless that is the name that is asked for', () =>
    withAuthority(async ({ authority, folder }) => {
      await withServer({ authority, clients: false }, async ({ url }) => {
        // Reaches 127.0.0.1, and does not stand in the certificate.
        const elsewhere = `${url.replace('127.0.0.1', '127.1')}?cacert=${authority.ca}`;
        await refuses(elsewhere, /does not match certificate's altnames/);
        await refuses(`${elsewhere}&sni=another.example`, /does not match certificate's altnames/);
        await backUpAndCompare(`${elsewhere}&sni=localhost`, join(folder, 'sni.rdb'));
      });
    }));

  it('is refused without the client certificate that it demands', () =>
    withAuthority(({ authority }) =>
      withServer({ authority, clients: true }, ({ url }) =>
        refuses(`${url}?cacert=${authority.ca}`, /certificate required|no encrypted connection/),
      ),
    ));

  it('fails the run when it is lost while it is dumped', () =>
    withAuthority(({ authority }) =>
      withServer({ authority, clients: false, args: ['--rdb-key-save-delay', '2000'] }, (server) =>
        withEngineRun(async ({ path, backUp }) => {
          await withRedis(server.socket, 0, fill, server);
          const lost = assert.rejects(backUp(redisSource(`${server.url}?cacert=${authority.ca}`)), {
            code: 'DATABASE_UNREACHABLE',
          });
          await until('bytes of the dump are sent', async () =>
            /total_net_repl_output_bytes:[1-9]\d{3}/.test(
              await withRedis(server.socket, 0, (redis) => redis.info('stats'), server),
            ),
          );
          await server.kill('SIGKILL');
          await lost;
          assert.deepEqual(await filesBelow(path), ['backupdata.json']);
        }),
      ),
    ));

  it('that is not there is no matter of certificates', () =>
    withAuthority(async ({ authority }) => {
      for (const host of ['127.0.0.1', 'localhost'])
        await withEngineRun(({ backUp }) =>
          assert.rejects(backUp(redisSource(`rediss://${host}:1?cacert=${authority.ca}`)), {
            code: 'DATABASE_UNREACHABLE',
            message: /it cannot be reached: .*ECONNREFUSED/,
          }),
        );
    }));

  it('says which file of the URL cannot be read', () =>
    withAuthority(async ({ authority }) => {
      const { cert } = authority.client;
      for (const [query, name] of [
        ['cacert=/nowhere/ca.crt', 'cacert'],
        [`cacert=${authority.ca}&cert=${cert}&key=/nowhere/client.key`, 'key'],
      ] as const)
        await withEngineRun(({ backUp }) =>
          assert.rejects(backUp(redisSource(`rediss://127.0.0.1:1?${query}`)), {
            code: 'CONFIG_INVALID',
            message: new RegExp(`the file of "${name}"`),
          }),
        );
    }));

  it('is not spoken to in the clear, nor one without TLS in TLS', () =>
    withAuthority(async ({ authority }) => {
      await withServer({ authority, clients: false }, ({ url }) =>
        withEngineRun(({ backUp }) =>
          assert.rejects(backUp(redisSource(url.replace('rediss:', 'redis:'))), {
            code: 'DATABASE_UNREACHABLE',
          }),
        ),
      );
      const plain = await startRedis();
      try {
        const url = `${plain.url.replace('redis:', 'rediss:')}?cacert=${authority.ca}`;
        // It waits for the end of what it takes for a command.
        await withEngineRun(({ backUp }) =>
          assert.rejects(backUp(redisSource(url)), {
            code: 'DATABASE_UNREACHABLE',
            hint: /one without TLS does not answer rediss/,
          }),
        );
      } finally {
        await plain.stop();
      }
    }));
});

interface Made {
  authority: TestCa;
  folder: string;
}

interface TlsServer extends TestRedis {
  /** A way in without TLS, for the test alone. */
  socket: string;
  password: string;
}

function fill(redis: Redis): Promise<unknown> {
  return redis.mset(Array.from({ length: 5_000 }, (_, key) => [`key:${key}`, 'x'.repeat(1_000)]).flat());
}

function withAuthority(use: (made: Made) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => use({ folder, authority: await makeTestCa(folder) }));
}

async function withServer(
  { authority, clients, args = [] }: { authority: TestCa; clients: boolean; args?: readonly string[] },
  use: (server: TlsServer) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const socket = join(folder, 'socket');
    const redis = await startRedis({
      args: [...quickDump, '--unixsocket', socket, ...args],
      tls: { ca: authority.ca, clients, ...authority.server },
    });
    try {
      const { password } = new URL(redis.url);
      await withRedis(socket, 0, (own) => own.set('where', 'here'), { password });
      await use({ ...redis, socket, password });
    } finally {
      await redis.stop();
    }
  });
}

async function backUpAndCompare(url: string, path: string): Promise<void> {
  await withEngineRun(async ({ backUp, restoreTo }) => {
    const manifest = await backUp(redisSource(url));
    await restoreTo(manifest, { source: null, database: path }, { create: true });
    await withRestored(path, async (restored) =>
      assert.equal(await withRedis(restored.url, 0, (redis) => redis.get('where')), 'here'),
    );
  });
}

async function refuses(url: string, message: RegExp): Promise<void> {
  await withEngineRun(({ backUp }) =>
    assert.rejects(backUp(redisSource(url)), { code: 'DATABASE_AUTH', message }),
  );
}
