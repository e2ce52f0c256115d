import { BackupDataError } from '../../../shared/errors.ts';
import { StageFailure } from '../../process/failure.ts';
import { errorNumber } from './failures.ts';
import { literal, type Session } from './session.ts';

/** Seconds for one assertion. */
const statementTime = 600;

/**
 * Runs a query of the configuration in the restored database. Undefined when the first column of the first row is true, as
 * the server takes a value for true; else what it was, or what the server said of it. As a prepared statement nothing but
 * one statement can stand there, and as a subquery nothing but a query.
 */
export async function refute({ lines, server }: Session, assertion: string): Promise<string | undefined> {
  const query = assertion.trim().replace(/;+$/, '');
  const limit = server.flavour === 'mariadb' ? `SET SESSION max_statement_time = ${statementTime};` : '';
  try {
    const [row] = await lines(`
      ${limit}
      SET SESSION group_concat_max_len = 1048576;
      START TRANSACTION READ ONLY;
      SET @assertion = ${literal(`(\n${query}\n) LIMIT 1`)};
      PREPARE assertion FROM @assertion;
      EXECUTE assertion;`);
    const holds = row?.split('\t', 1)[0];
    return isTrue(holds) ? undefined : `it gave ${holds === undefined ? 'no row' : holds.slice(0, 100)}`;
  } catch (error) {
    const said = saidOf(error);
    if (said === undefined) throw error;
    return said;
  }
}

function isTrue(text: string | undefined): boolean {
  const number = Number.parseFloat(text ?? '');
  return !Number.isNaN(number) && number !== 0;
}

/** Of the restored database: a table, a view, a column or a routine that is not there, or a view that does not work any more. */
const ofTheDatabase: ReadonlySet<number> = new Set([1054, 1146, 1305, 1356, 1412, 1449]);

/** The server's own words; undefined where the query, the right to run it, the server or the time is to blame. */
function saidOf(error: unknown): string | undefined {
  const cause = error instanceof BackupDataError ? error.cause : undefined;
  if (!(cause instanceof StageFailure)) return undefined;
  const number = errorNumber(cause);
  return number !== undefined && ofTheDatabase.has(number) ? cause.message : undefined;
}
