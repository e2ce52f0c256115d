import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Authority, type Certificate, createAuthority } from '../../support/certificates.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import { startRedis } from '../../support/redis.ts';
import { quickDump, redisSource, withRestored } from '../../support/redis-restored.ts';
import { withRedis } from '../../support/redis-sample.ts';

const subjects = ['DNS:localhost', 'DNS:redis.example', 'IP:127.0.0.1'];

describe('a Redis that demands TLS', () => {
  it('is backed up with its authority, with and without a client certificate', () =>
    withAuthority(async ({ authority, folder }) => {
      const client = await authority.issue('client', ['DNS:anybody']);
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
      const other = await createAuthority(folder, 'other');
      await withServer({ authority, clients: false }, async ({ url }) => {
        await refuses(url, /self-signed certificate in certificate chain|unable to (verify|get)/);
        await refuses(`${url}?cacert=${other.ca}`, /certificate/);
        await backUpAndCompare(`${url}?insecure=true`, join(folder, 'insecure.rdb'));
      });
    }));

  it('is refused when its certificate is for another host, unless that is the name that is asked for', () =>
    withAuthority(async ({ authority, folder }) => {
      const elsewhere = await authority.issue('elsewhere', ['DNS:redis.example']);
      await withServer({ authority, clients: false, certificate: elsewhere }, async ({ url }) => {
        await refuses(`${url}?cacert=${authority.ca}`, /does not match certificate's altnames/);
        await refuses(
          `${url}?cacert=${authority.ca}&sni=another.example`,
          /does not match certificate's altnames/,
        );
        await backUpAndCompare(`${url}?cacert=${authority.ca}&sni=redis.example`, join(folder, 'sni.rdb'));
      });
    }));

  it('is refused without the client certificate that it demands', () =>
    withAuthority(({ authority }) =>
      withServer({ authority, clients: true }, ({ url }) =>
        refuses(`${url}?cacert=${authority.ca}`, /certificate required|no encrypted connection/),
      ),
    ));

  it('says which file of the URL cannot be read', () =>
    withAuthority(async ({ authority }) => {
      const { cert } = await authority.issue('client', ['DNS:anybody']);
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
  authority: Authority;
  folder: string;
}

function withAuthority(use: (made: Made) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => use({ folder, authority: await createAuthority(folder, 'authority') }));
}

async function withServer(
  settings: { authority: Authority; clients: boolean; certificate?: Certificate },
  use: (server: { url: string; port: number }) => Promise<void>,
): Promise<void> {
  const { authority, clients } = settings;
  const certificate = settings.certificate ?? (await authority.issue('server', subjects));
  await withFolder(async (folder) => {
    const socket = join(folder, 'socket');
    const redis = await startRedis({
      args: [...quickDump, '--unixsocket', socket],
      tls: { ca: authority.ca, clients, ...certificate },
    });
    try {
      const { password } = new URL(redis.url);
      await withRedis(socket, 0, (own) => own.set('where', 'here'), { password });
      await use(redis);
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
