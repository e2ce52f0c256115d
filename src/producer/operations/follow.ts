import { toErrorDocument } from '../../shared/errors.ts';
import { type Watched, watchJob } from '../client/follow.ts';
import { subjectOf } from '../client/successor.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import type { Call } from './contract.ts';
import type { JobUpdate } from './documents.ts';

/** What becomes of a job, to its end; it is told where something changed. */
export async function* followJob(
  context: OperationsContext,
  { jobId }: { jobId: string },
  { signal }: Call,
): AsyncGenerator<JobUpdate> {
  const { client, redis } = await sessionOf(context);
  const { config } = context.current();
  const { queue, onlyOne, name } = await subjectOf({ client, config, redis, jobId });
  const { installation } = config;
  const { wait } = context;
  let told = '';
  for await (const seen of watchJob({ redis, installation, queue, jobId, onlyOne, signal, wait })) {
    const update = updateOf(name, seen);
    const text = JSON.stringify(update);
    if (text !== told) yield update;
    told = text;
  }
}

function updateOf(name: string, seen: Watched): JobUpdate {
  const { jobId, attempt } = seen;
  const ended = { jobId, name, attempt, progress: null, lastFailure: null, hasWorker: true };
  if ('result' in seen)
    return { ...ended, state: 'completed', error: null, result: seen.result as JobUpdate['result'] };
  if ('failure' in seen)
    return { ...ended, state: 'failed', error: toErrorDocument(seen.failure), result: null };
  const { state, progress = null, lastFailure, hasWorker } = seen;
  return {
    jobId,
    name,
    state,
    attempt,
    progress,
    lastFailure: lastFailure ? toErrorDocument(lastFailure) : null,
    hasWorker,
    error: null,
    result: null,
  };
}
