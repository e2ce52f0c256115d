import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readAddress } from '../../../src/producer/remote/address.ts';
import { isSecure, type RemoteTls } from '../../../src/producer/remote/channel.ts';
import { connectRemote } from '../../../src/producer/remote/remote.ts';
import type { TlsFiles } from '../../../src/shared/config/schema.ts';
import { type ErrorCode, hasCode } from '../../../src/shared/errors.ts';
import { type GrpcBench, withGrpc } from '../../support/grpc.ts';
import { withInstallation } from '../../support/installation.ts';
import { callOfTest } from '../../support/operations.ts';
import { makeTestCa, type TestCa } from '../../support/tls.ts';

const unused = { databases: { shop: { engine: 'postgres', url: 'postgres://u@127.0.0.1:1/shop' } } };

interface Scene {
  bench: GrpcBench;
  ca: TestCa;
  /** Which nobody trusts. */
  stranger: TestCa;
}

function withTls(
  use: (scene: Scene) => Promise<void>,
  { mutual, hosts }: { mutual: boolean; hosts?: string },
): Promise<void> {
  return withInstallation(async (installation) => {
    await installation.configure(unused);
    const ca = await makeTestCa(join(installation.path, 'ca'), 'ci', hosts);
    const stranger = await makeTestCa(join(installation.path, 'stranger'));
    const { cert: certificate, key } = ca.server;
    const tls: TlsFiles = { certificate, key, clientAuthority: mutual ? ca.ca : null };
    await withGrpc(installation, (bench) => use({ bench, ca, stranger }), { tls });
  });
}

async function list({ remote }: GrpcBench, tls: RemoteTls): Promise<string[]> {
  const { databases } = await remote({ tls }).operations.listDatabases({}, callOfTest());
  return databases.map(({ name }) => name);
}

async function refuses(asked: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await asked.catch((thrown: unknown) => thrown);
  assert.ok(hasCode(error, code), String(error));
  assert.match(error.message, message);
  assert.ok(error.hint);
}

describe('gRPC with TLS', () => {
  it('answers who trusts its certificate, and nobody in the clear', () =>
    withTls(
      async ({ bench, ca, stranger }) => {
        assert.deepEqual(await list(bench, { authority: ca.ca }), ['shop']);
        await refuses(
          list(bench, { authority: stranger.ca }),
          'SERVER_UNAVAILABLE',
          /certificate|self.signed/,
        );
        await refuses(
          list(bench, {}),
          'SERVER_UNAVAILABLE',
          /127\.0\.0\.1:\d+ does not answer: the connection ended at once$/,
        );
      },
      { mutual: false },
    ));

  it('is not trusted with the certificate of another host', () =>
    withTls(
      async ({ bench, ca }) =>
        refuses(list(bench, { authority: ca.ca }), 'SERVER_UNAVAILABLE', /altnames|does not match/i),
      { mutual: false, hosts: 'DNS:elsewhere.example' },
    ));

  it('takes only clients with a certificate of its authority, where it names one', () =>
    withTls(
      async ({ bench, ca, stranger }) => {
        const { cert: certificate, key } = ca.client;
        assert.deepEqual(await list(bench, { authority: ca.ca, certificate, key }), ['shop']);
        await refuses(list(bench, { authority: ca.ca }), 'SERVER_UNAVAILABLE', /alert certificate required$/);
        const foreign = { certificate: stranger.client.cert, key: stranger.client.key };
        const asked = list(bench, { authority: ca.ca, ...foreign });
        await refuses(
          asked,
          'SERVER_UNAVAILABLE',
          /does not answer: (the connection ended at once|.* alert .*)$/,
        );
      },
      { mutual: true },
    ));

  it('cannot start without its files, and says which is missing', () =>
    withInstallation(async (installation) => {
      await installation.configure(unused);
      const key = join(installation.path, 'missing.key');
      const started = withGrpc(installation, async () => assert.fail('it started'), {
        tls: { certificate: key, key, clientAuthority: null },
      });
      await refuses(started, 'CONFIG_INVALID', /missing\.key cannot be read/);
    }));
});

describe('a client of gRPC', () => {
  const server = '127.0.0.1:1';
  const connect = async (options: Partial<Parameters<typeof connectRemote>[0]>) =>
    connectRemote({ server, token: 'token', ...options }).close();

  it('refuses options that contradict each other, before it connects', async () => {
    await refuses(connect({ server: 'shop' }), 'USAGE', /"shop" is not the address of a server/);
    await refuses(connect({ server: 'unix:/run/x:1' }), 'USAGE', /is not the address/);
    await refuses(connect({ server: 'example.com:0' }), 'USAGE', /is not the address/);
    await refuses(connect({ tls: { certificate: '/a' } }), 'USAGE', /belong together/);
    await refuses(connect({ tls: { insecure: true, authority: '/a' } }), 'USAGE', /without TLS/);
    for (const token of ['', 'a b', 'a\nb', 'käse'])
      await refuses(connect({ token }), 'USAGE', /^the token is empty, or has characters/);
    await refuses(connect({ tls: { authority: '/not/there' } }), 'USAGE', /\/not\/there cannot be read/);
  });

  it('never sends a token in the clear to another machine by itself', () => {
    const secure = (server: string, tls: RemoteTls = {}): boolean => isSecure(readAddress(server).host, tls);
    const others = ['backups.example.com:1', '192.0.2.1:1', '[2001:db8::1]:1', '127.0.0.1.example.com:1'];
    assert.deepEqual(
      others.map((server) => secure(server)),
      others.map(() => true),
    );
    for (const own of ['localhost:1', '127.0.0.2:1', '[::1]:1']) assert.equal(secure(own), false, own);
    assert.equal(secure('backups.example.com:1', { insecure: true }), false);
    assert.equal(secure('localhost:1', { authority: 'ca.crt' }), true);
  });
});
