import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerOptions,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { TlsFiles } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Logger } from '../../../shared/logger.ts';
import type { Access } from '../../identity/access.ts';
import { authenticate } from './authentication.ts';
import { createCalls } from './calls.ts';
import { createHandlers } from './handlers.ts';
import { addHealth } from './health.ts';
import { loadProto, loadService, messageLimits } from './proto.ts';
import { type Failure, failureOf } from './status.ts';

export interface GrpcOptions {
  host: string;
  /** 0 takes any free one. */
  port: number;
  access: Pick<Access, 'authenticate' | 'enter' | 'count'>;
  /** Null for none. */
  tls: TlsFiles | null;
  logger: Logger;
  /** Why the process cannot do its work now; the health service says so. */
  problems?: () => readonly string[];
}

export interface Grpc {
  /** HOST:PORT. */
  address: string;
  /** Ends all calls, and is done within seconds. */
  close(): Promise<void>;
}

/** Milliseconds that calls have to end once the server stops. */
const grace = 2_000;

const serverOptions = {
  'grpc.max_receive_message_length': messageLimits.request,
  'grpc.max_send_message_length': messageLimits.response,
  'grpc.max_concurrent_streams': 100,
  // A client that is gone without a word is noticed, and so is what it waited for.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_idle_ms': 600_000,
} as const satisfies ServerOptions;

/** Serves the operations by gRPC, with health and reflection; reflection takes a token, as all but health does. */
export async function startGrpc(options: GrpcOptions): Promise<Grpc> {
  const { access, logger, problems = () => [] } = options;
  // What it would print is in the statuses of the calls.
  setLogVerbosity(logVerbosity.NONE);
  const failure = (thrown: unknown, path: string): Failure => {
    const failed = failureOf(thrown);
    if (failed.code === status.INTERNAL) logger.error('a call of gRPC failed', { path, error: thrown });
    return failed;
  };
  const { interceptor, callerOf } = authenticate({ access, failure });
  const calls = createCalls();
  const server = new Server({ ...serverOptions, interceptors: [interceptor] });
  server.addService(loadService(), createHandlers({ calls, callerOf, failure, logger }));
  new ReflectionService(loadProto()).addToServer(server);
  const health = addHealth(server, problems);
  const close = async (): Promise<void> => {
    health.stop();
    calls.stop();
    await shutDown(server);
  };
  try {
    return { address: await bind(server, options), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function bind(server: Server, { host, port, tls }: GrpcOptions): Promise<string> {
  const credentials = await credentialsOf(tls);
  const name = isIPv6(host) ? `[${host}]` : host;
  const bound = Promise.withResolvers<number>();
  server.bindAsync(`${name}:${port}`, credentials, (error, taken) =>
    error ? bound.reject(cannotListen(`${name}:${port}`, error)) : bound.resolve(taken),
  );
  return `${name}:${await bound.promise}`;
}

function cannotListen(address: string, cause: Error): BackupDataError {
  return new BackupDataError('CONFIG_INVALID', `cannot listen on ${address}: ${cause.message}`, {
    hint: 'Choose another port with GRPC_PORT (0 takes any free one), or another HOST.',
    cause,
  });
}

async function credentialsOf(tls: TlsFiles | null): Promise<ServerCredentials> {
  if (!tls) return ServerCredentials.createInsecure();
  const [certificate, key] = [await readPem(tls.certificate), await readPem(tls.key)];
  const authority = tls.clientAuthority === null ? null : await readPem(tls.clientAuthority);
  const pair = { cert_chain: certificate, private_key: key };
  return ServerCredentials.createSsl(authority, [pair], authority !== null);
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new BackupDataError('CONFIG_INVALID', `the TLS file ${path} cannot be read: ${String(cause)}`, {
      hint: 'See `grpc.tls` in the configuration.',
      cause,
    });
  }
}

async function shutDown(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>();
  const force = setTimeout(() => server.forceShutdown(), grace);
  server.tryShutdown(() => closed.resolve());
  await closed.promise;
  clearTimeout(force);
}
