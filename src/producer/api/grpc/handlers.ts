import { once } from 'node:events';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { z } from 'zod';
import type { Logger } from '../../../shared/logger.ts';
import type { Caller } from '../../identity/access.ts';
import { type Call, contract, followRequest, type OperationName } from '../../operations/contract.ts';
import type { Calls } from './calls.ts';
import { type Message, readRequest, toMessage } from './messages.ts';
import { followRpc, jobKey, rpcs } from './proto.ts';
import type { Failure } from './status.ts';
import { type Waiting, waitFor, waiting } from './wait.ts';

export interface HandlerOptions {
  calls: Calls;
  callerOf: (metadata: Metadata) => Caller;
  failure: (thrown: unknown, path: string) => Failure;
  logger: Logger;
}

/** Every rpc of the service: each asks the operation that it is. */
export function createHandlers(options: HandlerOptions): UntypedServiceImplementation {
  const names = Object.keys(rpcs) as OperationName[];
  return {
    ...Object.fromEntries(names.map((name) => [rpcs[name], answerOnce(options, name)])),
    [followRpc]: tellProgress(options),
  };
}

type Unary = handleUnaryCall<Message, Message>;

function answerOnce(options: HandlerOptions, name: OperationName): Unary {
  return (call, done) => {
    const answer = options.calls.answer(call, (signal) => ask(options, { name, call, signal }));
    answer.then(
      (message) => done(null, message),
      (error: unknown) => done(options.failure(error, call.getPath())),
    );
  };
}

async function ask(
  { callerOf, logger }: HandlerOptions,
  { name, call, signal }: { name: OperationName; call: Parameters<Unary>[0]; signal: AbortSignal },
): Promise<Message> {
  const caller = callerOf(call.metadata);
  const { detach, ...message } = call.request;
  const schema: z.ZodType<object> = contract[name].request;
  const request = readRequest(schema, message);
  if (isWaiting(name) && detach !== true) {
    const announce = (jobId: string): void => call.sendMetadata(metadataOf(jobKey, jobId));
    return waitFor({ name, request, caller, signal, announce, logger });
  }
  const run: (request: never, call: Call) => Promise<object> = caller.operations[name];
  return toMessage(await run(request as never, caller.call(signal)));
}

function isWaiting(name: OperationName): name is Waiting {
  return waiting.some((each) => each === name);
}

function metadataOf(key: string, value: string): Metadata {
  const metadata = new Metadata();
  metadata.set(key, value);
  return metadata;
}

function tellProgress({
  calls,
  callerOf,
  failure,
}: HandlerOptions): handleServerStreamingCall<Message, Message> {
  return (call) => {
    const told = calls.answer(call, async (signal) => {
      const caller = callerOf(call.metadata);
      const request = readRequest(followRequest, call.request);
      // A client that is slow to read is told what is true once it has read what came before.
      for await (const update of caller.operations.follow(request, caller.call(signal)))
        if (!call.write(toMessage(update))) await once(call, 'drain', { signal });
    });
    told.then(
      () => call.end(),
      (error: unknown) => call.emit('error', failure(error, call.getPath())),
    );
  };
}
