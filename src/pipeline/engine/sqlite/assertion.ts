import { BackupDataError } from '../../../shared/errors.ts';
import { StageFailure } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { runSql } from './run-sql.ts';

/**
 * Runs a query of the configuration on a restored file, which it cannot change. Undefined when the first column of the
 * first row is true: a number that is not 0, as SQL has it; else what it was, or that a table which it names is not there.
 * CONFIG_INVALID for one that cannot be run.
 */
export async function refute(
  assertion: string,
  path: string,
  context: EngineContext,
): Promise<string | undefined> {
  try {
    const statements = [asQuery(assertion)];
    const [row] = await runSql<{ holds: unknown; met: number }>({ path, statements }, context);
    if (row?.met === 1) return undefined;
    return `it gave ${row === undefined ? 'no row' : JSON.stringify(row.holds).slice(0, 100)}`;
  } catch (error) {
    if (!(error instanceof StageFailure)) throw error;
    const lacking = /no such table: .*/.exec(error.message)?.[0];
    if (lacking !== undefined) return lacking;
    throw new BackupDataError('CONFIG_INVALID', `the assertion cannot be run: ${error.message}`, {
      hint: 'Correct verify.assertions: each is one query, whose first column must be true.',
      cause: error,
    });
  }
}

/** Nothing but a query can stand there, and only its first row is asked for. */
function asQuery(assertion: string): string {
  const query = assertion.trim().replace(/;+$/, '');
  return `WITH assertion(holds) AS (\n${query}\n) SELECT holds, holds IS TRUE AS met FROM assertion LIMIT 1`;
}
