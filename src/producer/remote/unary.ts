import type { ServiceError } from '@grpc/grpc-js';
import { type Message, readResponse } from '../api/grpc/messages.ts';
import { rpcs } from '../api/grpc/proto.ts';
import { waiting } from '../api/grpc/wait.ts';
import type { OperationName, ResponseOf } from '../operations/contract.ts';
import { type Channel, endUnlessConnected } from './channel.ts';
import { failureFrom } from './failure.ts';

/** One operation. What the signal aborts is cancelled at the server too. */
export async function ask<Name extends OperationName>(
  channel: Channel,
  { name, request, signal }: { name: Name; request: object; signal: AbortSignal },
): Promise<ResponseOf<Name>> {
  const detach = waiting.some((each) => each === name) ? { detach: true } : {};
  const message = { ...request, ...detach };
  return readResponse(name, await send(channel, { rpc: rpcs[name], message, signal }));
}

async function send(
  { client, address, method, metadata }: Channel,
  { rpc, message, signal }: { rpc: string; message: Message; signal: AbortSignal },
): Promise<Message> {
  signal.throwIfAborted();
  const { path, requestSerialize, responseDeserialize } = method(rpc);
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const done = (error: ServiceError | null, answer?: Message): void =>
    error ? reject(failureFrom(error, address)) : resolve(answer ?? {});
  const call = client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    message,
    metadata(),
    done,
  );
  const cancel = (): void => {
    reject(signal.reason);
    call.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  endUnlessConnected(client, call);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
