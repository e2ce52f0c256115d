import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, getCACertificates } from 'node:tls';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  logVerbosity,
  Metadata,
  setLogVerbosity,
  status,
  type VerifyOptions,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { BackupDataError } from '../../shared/errors.ts';
import { isLoopback } from '../../shared/loopback.ts';
import type { Message } from '../api/grpc/messages.ts';
import { loadService, messageLimits } from '../api/grpc/proto.ts';
import { readAddress } from './address.ts';

/** Paths of PEM files. A server on another machine must have a certificate that the system's authorities signed, or `authority`. */
export interface RemoteTls {
  /** In place of the system's authorities. */
  authority?: string | undefined;
  /** Of this client, with its key, where the server asks for one. */
  certificate?: string | undefined;
  key?: string | undefined;
  /** Send the token to another machine without TLS. */
  insecure?: boolean;
}

/** A server, and how it is asked. */
export interface Channel {
  address: string;
  client: Client;
  /** Of the rpc with that name. */
  method(rpc: string): MethodDefinition<Message, Message>;
  /** What every call is sent with. */
  metadata(): Metadata;
  close(): void;
}

/** Milliseconds. */
const patience = 10_000;

const options = {
  'grpc.max_send_message_length': messageLimits.request,
  'grpc.max_receive_message_length': messageLimits.response,
  // A server that hangs is noticed while a call waits for it.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
} as const satisfies ChannelOptions;

/** TLS asks a server by a name, which an address is not; the library would ask with the address, and fail. */
const noName = 'address.invalid';

/** Connects with the first call. */
export function openChannel({
  server,
  token,
  tls,
}: {
  server: string;
  token: string;
  tls: RemoteTls;
}): Channel {
  // What it would print is in the errors of the calls.
  setLogVerbosity(logVerbosity.NONE);
  const { host, address } = readAddress(server);
  refuseContradictions(tls);
  refuseUnsendable(token);
  const secure = isSecure(host, tls);
  const client = new Client(address, secure ? secureBy(host, tls) : credentials.createInsecure(), {
    ...options,
    ...(isIP(host) ? { 'grpc.ssl_target_name_override': noName } : {}),
    // A proxy is for the way out, by a connection that it cannot look into.
    'grpc.enable_http_proxy': secure && !isLoopback(host) ? 1 : 0,
  });
  const service = loadService();
  return {
    address,
    client,
    method: (rpc) => service[rpc] as MethodDefinition<Message, Message>,
    metadata: () => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      return metadata;
    },
    close: () => client.close(),
  };
}

/** Ends a call with UNAVAILABLE where the server cannot be connected to in time. Its answer may take longer. */
export function endUnlessConnected(client: Client, call: ClientUnaryCall): void {
  const timer = setTimeout(() => {
    if (client.getChannel().getConnectivityState(false) === connectivityState.READY) return;
    call.call?.cancelWithStatus(status.UNAVAILABLE, `no connection within ${patience / 1_000} s`);
  }, patience);
  call.once('status', () => clearTimeout(timer));
}

/** In the clear only on this machine, or where somebody said so. */
export function isSecure(host: string, { authority, certificate, insecure }: RemoteTls): boolean {
  if (insecure) return false;
  return !isLoopback(host) || authority !== undefined || certificate !== undefined;
}

function refuseContradictions({ authority, certificate, key, insecure }: RemoteTls): void {
  if ((certificate === undefined) !== (key === undefined))
    throw new BackupDataError('USAGE', 'a client certificate and its key belong together', {
      hint: 'Give both, or neither.',
    });
  if (insecure && (authority !== undefined || certificate !== undefined))
    throw new BackupDataError('USAGE', 'without TLS there is nothing to give certificates for', {
      hint: 'Leave out either `insecure` or the certificates.',
    });
}

/** The library would quote it in its error. */
function refuseUnsendable(token: string): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  throw new BackupDataError('USAGE', 'the token is empty, or has characters that no token has', {
    hint: 'Give it as `backupdata token create` printed it.',
  });
}

function secureBy(host: string, { authority, certificate, key }: RemoteTls): ChannelCredentials {
  const roots = authority === undefined ? systemAuthorities() : readPem(authority);
  // Whatever name was asked with, the certificate must be of the host that was named.
  const verify: VerifyOptions = { checkServerIdentity: (_name, peer) => checkServerIdentity(host, peer) };
  if (certificate === undefined || key === undefined) return credentials.createSsl(roots, null, null, verify);
  return credentials.createSsl(roots, readPem(key), readPem(certificate), verify);
}

function systemAuthorities(): Buffer {
  return Buffer.from([...getCACertificates('default'), ...getCACertificates('system')].join('\n'));
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new BackupDataError('USAGE', `the certificate file ${path} cannot be read`, {
      hint: 'Name a PEM file that this user may read.',
      cause,
    });
  }
}
