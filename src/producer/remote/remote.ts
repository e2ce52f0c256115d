import { setTimeout as delay } from 'node:timers/promises';
import { type Call, contract, type OperationName, type Operations } from '../operations/contract.ts';
import { openChannel, type RemoteTls } from './channel.ts';
import { followRemotely } from './follow.ts';
import { ask } from './unary.ts';

export interface RemoteOptions {
  /** HOST:PORT of a producer's gRPC. */
  server: string;
  token: string;
  tls?: RemoteTls;
  wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

export interface Remote {
  operations: Operations;
  /** What an operation is given besides its request. Who asks is whom the token stands for; only the signal is told. */
  call(signal?: AbortSignal): Call;
  close(): void;
}

/**
 * The operations as a producer does them, asked by gRPC. They answer and fail as the producer's own do; what it cannot be asked
 * for lack of an answer fails with SERVER_UNAVAILABLE. It connects with the first call; close it when done. USAGE where the options
 * contradict each other.
 */
export function connectRemote({ server, token, tls = {}, wait = pause }: RemoteOptions): Remote {
  const channel = openChannel({ server, token, tls });
  const names = Object.keys(contract) as OperationName[];
  const asked = names.map((name) => [
    name,
    (request: object, { signal }: { signal: AbortSignal }) => ask(channel, { name, request, signal }),
  ]);
  const operations = {
    ...Object.fromEntries(asked),
    follow: ({ jobId }, { signal }) => followRemotely(channel, { jobId, signal, wait }),
  } as Operations;
  const call = (signal = new AbortController().signal): Call => ({ signal, by: '', sees: () => true });
  return { operations, call, close: channel.close };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal });
}
