import { BackupDataError } from '../../../shared/errors.ts';
import type { EngineContext } from '../engine.ts';
import type { Connection } from './connection.ts';
import { codeOf } from './failures.ts';
import { withSession } from './session.ts';

/** Milliseconds for one assertion. */
const statementTime = 600_000;

/**
 * Runs a query of the configuration in the restored database, as its applications would: with the database's own
 * settings. Undefined when the first column of the first row is true; else what it was, or what the server said of it.
 */
export async function refute(
  assertion: string,
  connection: Connection,
  context: EngineContext,
): Promise<string | undefined> {
  return withSession({ connection, context, otherwise: 'RESTORE_FAILED' }, async ({ query }) => {
    await query('RESET search_path');
    await query('BEGIN READ ONLY');
    await query(`SET LOCAL statement_timeout = ${statementTime}`);
    try {
      const [row] = await query<{ holds: unknown }>(asQuery(assertion));
      return row?.holds === true ? undefined : `it gave ${shown(row)}`;
    } catch (error) {
      const said = saidOf(error);
      if (said === undefined) throw error;
      return said;
    }
  });
}

/** Nothing but a query can stand there, and only its first row is asked for. */
function asQuery(assertion: string): string {
  return `select holds from (\n${assertion.trim().replace(/;+$/, '')}\n) as assertion (holds) limit 1`;
}

function shown(row: { holds: unknown } | undefined): string {
  return row === undefined ? 'no row' : JSON.stringify(row.holds).slice(0, 100);
}

/**
 * Errors of the assertion, or of the rights of whoever runs it, whatever the database holds: a right that is missing, a
 * syntax error, a type that does not fit, an unknown function, and a query that would write.
 */
const ofTheQuery: ReadonlySet<string> = new Set(['42501', '42601', '42804', '42883', '25006']);

/** The server's own words; undefined where it was not the statement that failed, but the server, the connection or the time. */
function saidOf(error: unknown): string | undefined {
  if (!(error instanceof BackupDataError) || !(error.cause instanceof Error)) return undefined;
  const state = codeOf(error.cause);
  return /^(0A|2[0-9]|3F|42|P0)/.test(state) && !ofTheQuery.has(state) ? error.cause.message : undefined;
}
