import { randomBytes } from 'node:crypto';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { type GrpcOptions, startGrpc } from '../../src/producer/api/grpc/grpc.ts';
import type { Message } from '../../src/producer/api/grpc/messages.ts';
import { createAccess } from '../../src/producer/identity/create-access.ts';
import { newToken } from '../../src/producer/identity/tokens.ts';
import { type Channel, openChannel, type RemoteTls } from '../../src/producer/remote/channel.ts';
import { connectRemote, type Remote } from '../../src/producer/remote/remote.ts';
import { type Role, roles } from '../../src/shared/config/access-schema.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import type { Installation } from './installation.ts';
import { createMemoryLogger } from './memory-logger.ts';
import { type LocalOperations, withOperations } from './operations.ts';

/** A gRPC server of an installation in this process, and the ways to ask it. */
export interface GrpcBench extends LocalOperations {
  address: string;
  /** Of a principal of that role, named as it. */
  tokens: Readonly<Record<Role, string>>;
  /** Closed afterwards. */
  remote(options?: { token?: string; tls?: RemoteTls }): Remote;
  channel(options?: { token?: string; tls?: RemoteTls }): Channel;
  /** Ends the server; another can have its port. */
  stop(): Promise<void>;
  lines: readonly string[];
}

/** With tokens of every role. */
export async function withGrpc(
  installation: Pick<Installation, 'env' | 'path'>,
  use: (bench: GrpcBench) => Promise<void>,
  options: Partial<Pick<GrpcOptions, 'tls' | 'problems' | 'port'>> = {},
): Promise<void> {
  await withOperations(installation, (local) =>
    withReleases(async (releases) => {
      const made = roles.map((role) => ({ role, name: role, ...newToken(randomBytes) }));
      const { config, resources } = local.loaded;
      const auth = { tokens: made.map(({ role, name, sha256 }) => ({ role, name, sha256 })) };
      const loaded = { config: { ...config, auth }, resources };
      const logger = createMemoryLogger();
      const access = createAccess({
        current: () => loaded,
        operations: local.operations,
        redis: local.queues.redis,
        logger,
        clock: () => new Date(),
      });
      releases.push(access.close);
      const server = await startGrpc({ host: '127.0.0.1', port: 0, access, tls: null, logger, ...options });
      releases.push(server.close);
      const tokens = Object.fromEntries(made.map(({ role, token }) => [role, token])) as Record<Role, string>;
      const keep = <T extends { close(): void }>(opened: T): T => {
        releases.push(() => opened.close());
        return opened;
      };
      const { address } = server;
      await use({
        ...local,
        address,
        tokens,
        remote: ({ token = tokens.admin, tls = {} } = {}) =>
          keep(connectRemote({ server: address, token, tls })),
        channel: ({ token = tokens.admin, tls = {} } = {}) =>
          keep(openChannel({ server: address, token, tls })),
        stop: server.close,
        lines: logger.lines,
      });
    }),
  );
}

/** How one call ended, as any client sees it. */
export interface Called {
  error: ServiceError | null;
  answer: Message;
  /** What came before the answer. */
  metadata: Metadata;
}

/** One unary call with what a test wants to be in it. */
export function callRpc(
  { client, method, metadata }: Channel,
  rpc: string,
  message: Message,
  {
    credentials = metadata(),
    deadline,
    signal,
    onMetadata,
  }: {
    credentials?: Metadata;
    deadline?: number;
    signal?: AbortSignal;
    onMetadata?: (metadata: Metadata) => void;
  } = {},
): Promise<Called> {
  const { path, requestSerialize, responseDeserialize } = method(rpc);
  const { promise, resolve } = Promise.withResolvers<Called>();
  let early = new Metadata();
  const call = client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    message,
    credentials,
    deadline === undefined ? {} : { deadline: Date.now() + deadline },
    (error, answer) => resolve({ error, answer: answer ?? {}, metadata: early }),
  );
  call.on('metadata', (given: Metadata) => {
    early = given;
    onMetadata?.(given);
  });
  signal?.addEventListener('abort', () => call.cancel(), { once: true });
  return promise;
}
