import type { ServiceError } from '@grpc/grpc-js';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import { readUpdate } from '../api/grpc/messages.ts';
import { followRpc } from '../api/grpc/proto.ts';
import type { JobUpdate } from '../operations/documents.ts';
import { type Channel, endUnlessConnected } from './channel.ts';
import { failureFrom } from './failure.ts';

interface FollowOptions {
  jobId: string;
  signal: AbortSignal;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** Milliseconds between two attempts to reach a server that is away. */
const pause = 250;
/** Milliseconds that a server may be away before a follower gives up; the job itself is not touched. */
const patience = 60_000;

/**
 * What becomes of a job, to its end. While a server that told something is away, the state is `reconnecting`, for up to a
 * minute. SERVER_UNAVAILABLE at once where it never answered.
 */
export async function* followRemotely(channel: Channel, options: FollowOptions): AsyncGenerator<JobUpdate> {
  const { signal, wait } = options;
  let last: JobUpdate | undefined;
  for (let heardAt = performance.now(); ; ) {
    try {
      for await (const update of stream(channel, { jobId: last?.jobId ?? options.jobId, signal })) {
        heardAt = performance.now();
        last = update;
        yield update;
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!last || !hasCode(error, 'SERVER_UNAVAILABLE')) throw error;
      if (performance.now() - heardAt > patience) throw lost(last.jobId, error);
    }
    if (last.state !== 'reconnecting') {
      last = { ...last, state: 'reconnecting', progress: null, lastFailure: null, hasWorker: true };
      yield last;
    }
    await wait(pause, signal);
  }
}

/** One call, which is cancelled when the reader leaves. */
async function* stream(
  { client, address, method, metadata }: Channel,
  { jobId, signal }: { jobId: string; signal: AbortSignal },
): AsyncGenerator<JobUpdate> {
  signal.throwIfAborted();
  const { path, requestSerialize, responseDeserialize } = method(followRpc);
  const call = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    { jobId },
    metadata(),
  );
  endUnlessConnected(client, call);
  // It fails once more, by being cancelled, when nobody reads it.
  call.on('error', () => undefined);
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of call) yield readUpdate(message);
  } catch (error) {
    throw error instanceof BackupDataError ? error : failureFrom(error as ServiceError, address);
  } finally {
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}

function lost(jobId: string, cause: BackupDataError): BackupDataError {
  return new BackupDataError('SERVER_UNAVAILABLE', `${cause.message}; ${jobId} may still be running`, {
    hint: `Look again with \`backupdata jobs show ${jobId}\`.`,
    cause,
  });
}
