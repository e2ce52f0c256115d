import type { DatabaseConfig } from '../shared/config/schema.ts';
import { BackupDataError, type ErrorCode, toErrorDocument } from '../shared/errors.ts';
import type { Manifest } from '../shared/manifest.ts';
import type { EngineContext } from './engine/engine.ts';
import { attend } from './process/attend.ts';
import { findNamedProgram } from './process/named-program.ts';

export interface Surrounded {
  database: DatabaseConfig;
  backupId: string;
  attemptId: string;
  context: EngineContext;
  onPhase: (phase: 'before' | 'after') => void;
  /** Told when `after` failed: that is no failure of the run. */
  onWarning: (error: BackupDataError) => void;
}

/** Milliseconds that `after` may take; less once the run was stopped, for a worker that shuts down waits for it. */
const longest = 600_000;
const longestOnceStopped = 10_000;

/**
 * Runs the database's `before`, then `run`, then its `after`, which always runs and is told how it went. Throws BEFORE_FAILED
 * when `before` does not end with code 0, and what `run` throws; an `after` that fails changes neither outcome.
 */
export async function betweenPrograms<T extends { manifest: Pick<Manifest, 'bytes'> }>(
  surrounded: Surrounded,
  run: () => Promise<T>,
): Promise<T> {
  let outcome: Record<string, string> = {};
  try {
    await runBefore(surrounded);
    const ended = await run();
    outcome = { BACKUPDATA_OUTCOME: 'committed', BACKUPDATA_BYTES: String(ended.manifest.bytes) };
    return ended;
  } catch (error) {
    outcome = { BACKUPDATA_OUTCOME: 'failed', BACKUPDATA_ERROR_CODE: codeOf(surrounded, error) };
    throw error;
  } finally {
    await runAfter(surrounded, outcome);
  }
}

async function runBefore(surrounded: Surrounded): Promise<void> {
  const { database, context } = surrounded;
  if (!database.before) return;
  surrounded.onPhase('before');
  try {
    await runProgram(database.before, surrounded, { signal: context.signal });
  } catch (cause) {
    context.signal.throwIfAborted();
    throw failed(
      'BEFORE_FAILED',
      `nothing of ${database.name} was dumped, for its program "before" failed`,
      cause,
    );
  }
}

async function runAfter(surrounded: Surrounded, outcome: Record<string, string>): Promise<void> {
  const { database, context } = surrounded;
  if (!database.after) return;
  surrounded.onPhase('after');
  const limit = limitOf(context.signal);
  try {
    await runProgram(database.after, surrounded, { signal: limit.signal, outcome });
  } catch (cause) {
    surrounded.onWarning(failed('AFTER_FAILED', `the program "after" of ${database.name} failed`, cause));
  } finally {
    limit.release();
  }
}

async function runProgram(
  [name = '', ...args]: readonly string[],
  { database, backupId, attemptId, context: { tools } }: Surrounded,
  { signal, outcome = {} }: { signal: AbortSignal; outcome?: Record<string, string> },
): Promise<void> {
  const program = await findNamedProgram(name, tools);
  // No variable of the worker's locale: without one a program speaks English, and a script may set its own.
  const env = {
    ...tools.environment,
    BACKUPDATA_DATABASE: database.name,
    BACKUPDATA_BACKUP_ID: backupId,
    BACKUPDATA_ATTEMPT_ID: attemptId,
    ...outcome,
  };
  await attend({ program, args, env, nice: database.nice }, signal);
}

/** Ends `after` in the end, and soon where the run was stopped, or is while it runs. */
function limitOf(stopped: AbortSignal): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const endIn = (milliseconds: number): NodeJS.Timeout =>
    setTimeout(
      () => controller.abort(new Error(`it did not end within ${milliseconds / 1_000} s`)),
      milliseconds,
    );
  let timer = endIn(stopped.aborted ? longestOnceStopped : longest);
  const hurry = (): void => {
    clearTimeout(timer);
    timer = endIn(longestOnceStopped);
  };
  stopped.addEventListener('abort', hurry, { once: true });
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', hurry);
    },
  };
}

function failed(code: 'BEFORE_FAILED' | 'AFTER_FAILED', sentence: string, cause: unknown): BackupDataError {
  const hint = 'Run it by hand on the worker, as the user that the worker runs as, to see why.';
  if (cause instanceof BackupDataError)
    return new BackupDataError(code, `${sentence}: ${cause.message}`, { hint: cause.hint ?? hint, cause });
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BackupDataError(code, `${sentence}: ${why}`, { hint, cause });
}

/** An abort says more than what it made fail. */
function codeOf({ context: { signal } }: Surrounded, error: unknown): ErrorCode {
  return toErrorDocument(signal.aborted ? signal.reason : error).code;
}
