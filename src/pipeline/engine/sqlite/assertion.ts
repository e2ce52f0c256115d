import { BackupDataError } from '../../../shared/errors.ts';
import { StageFailure, succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { runSql } from './shell.ts';

/** Milliseconds for one assertion. */
const statementTime = 600_000;

/**
 * Runs a query of the configuration in the restored database, read-only. Undefined when the first column of its first row
 * is true (a number but 0); else what it was, or what SQLite said of it.
 */
export async function refute(
  assertion: string,
  path: string,
  context: EngineContext,
): Promise<string | undefined> {
  const { stdout, ...exit } = await inTime(context, (signal) =>
    // Nothing of the shell's own, and no other file, can be reached by an assertion.
    runSql({ path, sql: asQuery(assertion), options: ['-safe', '-quote'] }, { ...context, signal }),
  );
  if (!succeeded(exit)) {
    const said = saidOf(exit.stderr);
    if (said !== undefined) return said;
    throw unusable(assertion, new StageFailure([exit]));
  }
  const [value] = stdout.toString('utf8').trim().split('\n');
  if (value === undefined || value === '') return 'it gave no row';
  return Number(value) !== 0 && !Number.isNaN(Number(value)) ? undefined : `it gave ${value.slice(0, 100)}`;
}

/** Nothing but a query can stand there, and only its first row is asked for. */
function asQuery(assertion: string): string {
  return `WITH assertion (holds) AS (\n${assertion.trim().replace(/;+$/, '')}\n) SELECT holds FROM assertion LIMIT 1`;
}

/** What says that the database lacks what the query asks for; undefined where the query itself is at fault. */
function saidOf(stderr: string): string | undefined {
  return stderr
    .split('\n')
    .find((line) => /no such (table|column)|malformed/.test(line))
    ?.trim();
}

function unusable(assertion: string, failure: StageFailure): BackupDataError {
  return new BackupDataError(
    'RESTORE_FAILED',
    `the assertion cannot be asked: ${assertion}: ${failure.message}`,
    {
      hint: 'An assertion is one SELECT of SQLite with one column; correct verify.assertions. It says nothing of the backup.',
      cause: failure,
    },
  );
}

async function inTime<T>({ signal }: EngineContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(statementTime);
  try {
    return await work(AbortSignal.any([signal, late]));
  } catch (cause) {
    if (signal.aborted || !late.aborted) throw cause;
    throw new BackupDataError('TIMEOUT', `an assertion took longer than ${statementTime / 1_000} s`, {
      hint: 'Make the query cheaper.',
      cause,
    });
  }
}
