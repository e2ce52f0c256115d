import { asBackupDataError, BackupDataError, hasCode, joinErrors } from '../../../shared/errors.ts';
import type { Logger } from '../../../shared/logger.ts';
import type { BackupResult, DiscoverResult } from '../../../shared/queues/payloads.ts';
import type { Caller } from '../../identity/access.ts';
import type { Call } from '../../operations/contract.ts';
import { outcomeOf } from '../../operations/outcome.ts';
import { isLeft } from './calls.ts';
import { type Message, toMessage, toResult } from './messages.ts';

/** Operations whose calls wait for the end of what they began, unless they are asked not to. */
export const waiting = ['backup', 'restore', 'verify'] as const;
export type Waiting = (typeof waiting)[number];

/** Milliseconds that Redis has to take a cancellation. */
const patience = 10_000;

export interface WaitOptions {
  name: Waiting;
  request: object;
  caller: Caller;
  signal: AbortSignal;
  /** Is told of the job before it is waited for. */
  announce: (jobId: string) => void;
  logger: Logger;
}

/**
 * Begins it and waits for its end. Where the caller goes away before, the jobs that this call made are cancelled; those that it
 * joined go on. They all go on when the server stops.
 */
export async function waitFor(options: WaitOptions): Promise<Message> {
  const own: string[] = [];
  try {
    return await begin(options, own);
  } catch (error) {
    if (isLeft(options.signal)) await Promise.all(own.map((jobId) => cancel(options, jobId)));
    throw error;
  }
}

async function begin(options: WaitOptions, own: string[]): Promise<Message> {
  const { name, request, caller, signal, announce } = options;
  const call = caller.call(signal);
  const run: (request: never, call: Call) => Promise<Begun> = caller.operations[name];
  const begun = await run(request as never, call);
  if (begun.as !== 'joined') own.push(begun.jobId);
  signal.throwIfAborted();
  announce(begun.jobId);
  const result = await outcomeOf(caller.operations, { jobId: begun.jobId, call });
  const told = { ...toMessage(begun), result: toResult(result, begun.kind ?? name) };
  if (begun.kind !== 'discover') return told;
  return { ...told, backups: await everyBackup(options, result as DiscoverResult, own) };
}

/** What each of them has. A verification and a restore are jobs of their own. */
interface Begun {
  jobId: string;
  as?: 'new' | 'successor' | 'joined';
  kind?: 'backup' | 'discover';
}

/** The backups of a server's databases; where some fail, the error names them all, once none runs any more. */
async function everyBackup(
  { caller, signal }: WaitOptions,
  { runs }: DiscoverResult,
  own: string[],
): Promise<BackupResult[]> {
  own.push(...runs.flatMap(({ jobId, as }) => (as === 'joined' ? [] : [jobId])));
  const call = caller.call(signal);
  const ends = await Promise.allSettled(
    runs.map(({ jobId }) => outcomeOf(caller.operations, { jobId, call })),
  );
  signal.throwIfAborted();
  const [first, ...others] = ends.flatMap((end, index) =>
    end.status === 'rejected' ? named(end.reason, runs[index]?.database ?? '') : [],
  );
  if (first) throw joinErrors([first, ...others]);
  return ends.flatMap((end) => (end.status === 'fulfilled' ? (end.value as BackupResult) : []));
}

function named(thrown: unknown, database: string): BackupDataError {
  const { code, message, hint } = asBackupDataError(thrown);
  return new BackupDataError(code, `${database}: ${message}`, { hint: hint ?? undefined, cause: thrown });
}

async function cancel({ caller, logger }: WaitOptions, jobId: string): Promise<void> {
  try {
    await caller.operations.cancelJob({ jobId }, caller.call(AbortSignal.timeout(patience)));
  } catch (error) {
    // It ended meanwhile.
    if (hasCode(error, 'JOB_NOT_FOUND')) return;
    logger.warn('nobody waits for this job any more, and it could not be cancelled', { jobId, error });
  }
}
