import { type ServiceError, status } from '@grpc/grpc-js';
import type { OperationName, ResponseOf } from '../operations/contract.ts';
import { type Message, readResponse } from '../api/grpc/messages.ts';
import { rpcs } from '../api/grpc/proto.ts';
import { waiting } from '../api/grpc/wait.ts';
import type { Channel } from './channel.ts';
import { failureFrom, unavailable } from './failure.ts';

/** Milliseconds that a server has to answer that it is there; an answer may take longer. */
const patience = 10_000;

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
  const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata(), done);
  const cancel = (): void => {
    reject(signal.reason);
    call.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  client.waitForReady(Date.now() + patience, (error) => {
    if (!error) return;
    reject(unavailable(address, `it cannot be connected to within ${patience / 1_000} s`, error));
    call.cancelWithStatus(status.UNAVAILABLE, 'no connection in time');
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
