import { once } from 'node:events';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isPublicAddress, publicOnly } from './addresses.ts';
import { failed, type Recipient, refused } from './delivery.ts';

export interface ConnectOptions {
  recipient: Recipient;
  /** A name or an address, without brackets. */
  host: string;
  port: number;
  /** Whether TLS begins at once. */
  secure: boolean;
  allowPrivate: boolean;
  lookup: LookupFunction;
  /** Milliseconds until it is connected, TLS included. */
  limit: number;
  signal: AbortSignal;
}

/** A connection to a checked address, before any byte of ours was sent. Whoever gets it closes it. */
export async function openConnection(options: ConnectOptions): Promise<Socket> {
  const { recipient, host, port, secure, allowPrivate, lookup, limit } = options;
  const refuse = (): Error => privateAddress(recipient);
  // No lookup is made for what is an address already.
  if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) throw refuse();
  const late = AbortSignal.timeout(limit);
  const signal = AbortSignal.any([options.signal, late]);
  signal.throwIfAborted();
  const socket = connect({ host, port, lookup: allowPrivate ? lookup : publicOnly(lookup, refuse) });
  // Its failure is told by whoever waits for it, and between two who wait there is none.
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect', { signal });
    return secure ? await encrypt(socket, host, signal) : socket;
  } catch (error) {
    socket.destroy();
    options.signal.throwIfAborted();
    throw late.aborted
      ? failed(recipient, `could not be connected to within ${limit / 1_000} s`, error)
      : error;
  }
}

async function encrypt(socket: Socket, host: string, signal: AbortSignal): Promise<Socket> {
  // An address has no name for SNI; its certificate is checked against `host` all the same.
  const servername = isIP(host) === 0 ? host : '';
  const encrypted = connectTls({ socket, host, servername, ALPNProtocols: ['http/1.1'] });
  encrypted.on('error', () => undefined);
  await once(encrypted, 'secureConnect', { signal });
  return encrypted;
}

function privateAddress(recipient: Recipient): Error {
  return refused(
    recipient,
    'was not told: its address is of this machine or of a private network',
    `If it is meant, write allowPrivate: true under notifiers.${recipient.name}.`,
  );
}
