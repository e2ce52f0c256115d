import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, getCACertificates, type TLSSocket } from 'node:tls';
import { BackupDataError } from '../../../shared/errors.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { EngineContext } from '../engine.ts';
import { addressOf, type Connection, type TlsSettings } from './connection.ts';
import { socketIn } from './socket-path.ts';

/** A socket that only this user can open, and behind it the server, by encrypted connections whose end was proven. */
export interface Tunnel {
  /** Of the Unix socket. */
  path: string;
  /** Why no encrypted connection came about, or one broke; what a program at the near end says is a consequence. */
  failure(): BackupDataError | undefined;
  /** Never throws. */
  close(): Promise<void>;
}

/**
 * redis-cli takes the certificate of any host for the server's, as long as its authority is trusted: so the encrypted
 * connections are made here. CONFIG_INVALID when a file of the URL cannot be read.
 */
export async function openTunnel(
  connection: Connection,
  tls: TlsSettings,
  { connectTimeout }: Pick<EngineContext, 'connectTimeout'>,
): Promise<Tunnel> {
  const options = await connectionOptions(connection, tls);
  const folder = await openTemporaryFolder({ bytes: 0, now: new Date() });
  const sockets = new Set<Socket>();
  let failure: BackupDataError | undefined;
  const server = createServer((near) => {
    const far = connect(options);
    waitAtMost(connectTimeout, far);
    far.pipe(near);
    onceAccepted(far, () => near.pipe(far));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    near.once('close', () => far.destroy());
    // One that ended as it should has ended the other too, which may still have to give away the last of the dump.
    far.once('close', () => far.readableEnded || near.destroy());
    near.on('error', () => undefined);
    far.on('error', (error) => {
      failure ??= tunnelFailure(error, connection);
    });
  });
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
    await folder.remove();
  };
  try {
    const path = socketIn(folder.path, 'redis');
    await once(server.listen(path), 'listening');
    return { path, failure: () => failure, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connectionOptions(
  { host, port, socket }: Connection,
  tls: TlsSettings,
): Promise<ConnectionOptions> {
  const { cacert, cert, key, sni, insecure } = tls;
  const name = sni ?? host;
  return {
    ...(socket === undefined ? { host, port } : { path: socket }),
    ca:
      cacert === undefined
        ? [...getCACertificates('default'), ...getCACertificates('system')]
        : await readPem('cacert', cacert),
    ...(cert === undefined ? {} : { cert: await readPem('cert', cert) }),
    ...(key === undefined ? {} : { key: await readPem('key', key) }),
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: !insecure,
  };
}

async function readPem(parameter: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new BackupDataError(
      'CONFIG_INVALID',
      `the file of "${parameter}" in the Redis URL cannot be read: ${path}`,
      {
        hint: 'Name a PEM file by its absolute path, which the user of this process may read.',
        cause,
      },
    );
  }
}

function waitAtMost(milliseconds: number, far: TLSSocket): void {
  far.setTimeout(milliseconds, () => {
    far.destroy(
      Object.assign(new Error('no encrypted connection came about in time'), { code: 'ETIMEDOUT' }),
    );
  });
  far.once('secureConnect', () => {
    far.setTimeout(0);
    // A peer that vanished without a word is noticed.
    far.setKeepAlive(true, 30_000);
  });
}

/**
 * Since TLS 1.3 a server judges the client's certificate after the client takes the connection for made, and one that has
 * been written to by then resets it, so that its reason is lost. A ticket for later sessions tells that it is content; one that
 * gives none is believed after a moment.
 */
function onceAccepted(far: TLSSocket, accepted: () => void): void {
  far.once('secureConnect', () => {
    if (far.getProtocol() !== 'TLSv1.3') return accepted();
    let timer: NodeJS.Timeout | undefined;
    const go = (): void => {
      clearTimeout(timer);
      far.off('session', go);
      if (!far.destroyed) accepted();
    };
    timer = setTimeout(go, withoutTicket);
    far.once('session', go);
    far.once('close', () => clearTimeout(timer));
  });
}

/** Milliseconds. */
const withoutTicket = 500;

/** `ECONNREFUSED` and its like, also of several addresses together; but those of OpenSSL. */
const systemError = /^E(?!RR|PROTO$)[A-Z_]+$/;

/** An error of the system is about the way to the server; any other is about the certificates. */
function tunnelFailure(error: Error & { code?: string }, connection: Connection): BackupDataError {
  const where = `Redis at ${addressOf(connection)}`;
  const said = error.message.split('\n', 1).join('') || error.code;
  if (systemError.test(error.code ?? ''))
    return new BackupDataError('DATABASE_UNREACHABLE', `${where}: it cannot be reached: ${said}`, {
      hint: 'Check that the server is up, that host and port are right, and that a firewall lets this machine through.',
      cause: error,
    });
  return new BackupDataError(
    'DATABASE_AUTH',
    `${where}: no encrypted connection that can be trusted: ${said}`,
    {
      hint: "Check cacert, cert, key and sni in the database's URL, and the name in the server's certificate.",
      cause: error,
    },
  );
}
