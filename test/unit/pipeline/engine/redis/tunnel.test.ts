import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { parseConnection } from '../../../../../src/pipeline/engine/redis/connection.ts';
import { openTunnel, type Tunnel } from '../../../../../src/pipeline/engine/redis/tunnel.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { withFolder } from '../../../../support/folder.ts';
import { makeTestCa } from '../../../../support/tls.ts';

const open = (port: number): Promise<Tunnel> => {
  const connection = parseConnection(new Secret(`rediss://127.0.0.1:${port}?insecure=true`));
  assert.ok(connection.tls);
  return openTunnel(connection, connection.tls, { connectTimeout: 5_000 });
};

describe('a tunnel to a Redis with TLS', () => {
  it('gives away everything that was sent, to a slow reader and of a server that has gone too', () =>
    // What the last piece of it is filled to decides whether it is waited for.
    withServer((1 << 20) + 100, async (port, size) => {
      const tunnel = await open(port);
      try {
        const near = connect(tunnel.path);
        near.write('SYNC');
        let got = 0;
        for await (const chunk of near) {
          got += chunk.length;
          await delay(20);
        }
        assert.equal(got, size);
        assert.equal(tunnel.failure(), undefined);
      } finally {
        await tunnel.close();
      }
    }));

  it('is refused where TMPDIR is too long for a socket, and leaves nothing there', () =>
    withFolder(async (folder) => {
      const before = process.env.TMPDIR;
      process.env.TMPDIR = join(folder, 'long'.repeat(25));
      try {
        await mkdir(process.env.TMPDIR);
        await assert.rejects(open(1), { code: 'CONFIG_INVALID', hint: /TMPDIR/ });
        assert.deepEqual(await readdir(process.env.TMPDIR), []);
      } finally {
        process.env.TMPDIR = before;
      }
    }));
});

/** Answers the first bytes of a client with so many of its own, and hangs up. */
function withServer(size: number, use: (port: number, size: number) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const { server: files } = await makeTestCa(folder);
    const server = createServer(
      { cert: await readFile(files.cert), key: await readFile(files.key) },
      (socket) => {
        socket.once('data', () => socket.end(Buffer.alloc(size)));
      },
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      await use((server.address() as AddressInfo).port, size);
    } finally {
      server.close();
    }
  });
}
