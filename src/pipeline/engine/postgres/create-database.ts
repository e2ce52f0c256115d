import pg from 'pg';
import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import type { RestoreFacts } from '../../../shared/manifest.ts';
import type { EngineContext } from '../engine.ts';
import { addressOf, type Connection, withDatabase } from './connection.ts';
import { codeOf } from './failures.ts';
import { type Session, withSession } from './session.ts';
import { settingStatement } from './settings.ts';

/** Milliseconds for a statement that must run to its end even when the restore was aborted. */
const statementTime = 120_000;

export type ServerContext = Pick<EngineContext, 'connectTimeout' | 'signal'>;

/** A session on the target's server, in a database that is there for such purposes. */
export async function onServer<T>(
  connection: Connection,
  context: ServerContext,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const open = (database: string): Promise<T> =>
    withSession(
      { connection: withDatabase(connection, database), context, otherwise: 'RESTORE_FAILED' },
      use,
    );
  try {
    return await open('postgres');
  } catch (error) {
    if (!hasCode(error, 'DATABASE_MISSING')) throw error;
    return open('template1');
  }
}

/** TARGET_EXISTS when the server has a database of that name. */
export async function refuseExisting(session: Session, connection: Connection): Promise<void> {
  const found = await session.query('select from pg_database where datname = $1', [connection.database]);
  if (found.length > 0) throw exists(connection);
}

/**
 * Makes the target database as the source was. The statement is not aborted half-way, because the server would go on
 * with it and leave a database that nobody drops. TARGET_EXISTS when another was quicker.
 */
export async function createDatabase(
  {
    connection,
    restore,
    owner,
  }: { connection: Connection; restore: RestoreFacts; owner: string | undefined },
  context: ServerContext,
): Promise<void> {
  await onServer(connection, uninterrupted(context), async (session) => {
    refuseUnknownProvider(restore, session, connection);
    try {
      await session.query(createStatement({ connection, restore, owner, major: session.server.major }));
    } catch (error) {
      throw creationFailure(error, connection, restore);
    }
  });
}

/**
 * Takes it back, with the connections that a killed restore may have left. Never throws: a clause says so where the
 * database stays.
 */
export async function dropDatabase(
  connection: Connection,
  context: ServerContext,
): Promise<string | undefined> {
  const name = pg.escapeIdentifier(connection.database);
  const drop = onServer(connection, uninterrupted(context), async (session) => {
    if (session.server.major >= 13) return session.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await session.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
      connection.database,
    ]);
    return session.query(`DROP DATABASE IF EXISTS ${name}`);
  });
  return drop.then(
    () => undefined,
    () =>
      `the database "${connection.database}" at ${addressOf(connection)}, which it made, could not be dropped`,
  );
}

/** Gives the database its own settings; one note for each that the server refuses. */
export async function applySettings(
  connection: Connection,
  settings: readonly string[],
  context: ServerContext,
): Promise<string[]> {
  if (settings.length === 0) return [];
  return onServer(connection, context, async (session) => {
    const notes: string[] = [];
    for (const setting of settings) {
      const statement = settingStatement(pg.escapeIdentifier(connection.database), setting);
      await session
        .query(statement)
        .catch((error: Error) => notes.push(`the setting ${setting} was not applied: ${error.message}`));
    }
    return notes;
  });
}

/** For what must not be left half done. */
export function uninterrupted(context: ServerContext): ServerContext {
  return { ...context, signal: AbortSignal.timeout(statementTime) };
}

function createStatement({
  connection,
  restore,
  owner,
  major,
}: {
  connection: Connection;
  restore: RestoreFacts;
  owner: string | undefined;
  major: number;
}): string {
  return [
    `CREATE DATABASE ${pg.escapeIdentifier(connection.database)} TEMPLATE template0`,
    `ENCODING ${pg.escapeLiteral(restore.encoding)}`,
    `LC_COLLATE ${pg.escapeLiteral(restore.collate)} LC_CTYPE ${pg.escapeLiteral(restore.ctype)}`,
    ...(major >= 15 ? [`LOCALE_PROVIDER ${restore.provider ?? 'libc'}`] : []),
    ...(restore.provider ? [`${restore.provider}_locale ${pg.escapeLiteral(restore.locale ?? '')}`] : []),
    ...(owner === undefined ? [] : [`OWNER ${pg.escapeIdentifier(owner)}`]),
  ].join(' ');
}

function refuseUnknownProvider(
  { provider }: RestoreFacts,
  { server }: Session,
  connection: Connection,
): void {
  const since = { icu: 15, builtin: 17 };
  if (provider === undefined || server.major >= since[provider]) return;
  throw new BackupDataError(
    'RESTORE_FAILED',
    `the source database has a locale of the ${provider} provider, which PostgreSQL ${server.major} at ${addressOf(connection)} does not have`,
    {
      hint: `Restore to PostgreSQL ${since[provider]} or newer, or make a database yourself and restore into it without --create.`,
    },
  );
}

function creationFailure(error: unknown, connection: Connection, restore: RestoreFacts): unknown {
  const state = error instanceof BackupDataError ? codeOf(error.cause) : '';
  if (state === '42P04') return exists(connection);
  if (!['42809', '22023', '42P17'].includes(state)) return error;
  const { encoding, collate, ctype, provider, locale } = restore;
  const wanted = `encoding ${encoding}, collate ${collate}, ctype ${ctype}${provider ? `, ${provider} locale ${locale}` : ''}`;
  const said = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
  return new BackupDataError(
    'RESTORE_FAILED',
    `the server at ${addressOf(connection)} cannot make a database like the source (${wanted}): ${said}`,
    {
      hint: 'Install that locale on the server, or make a database yourself and restore into it without --create.',
      cause: error,
    },
  );
}

function exists({ database, ...server }: Connection): BackupDataError {
  return new BackupDataError(
    'TARGET_EXISTS',
    `the database "${database}" exists already at ${addressOf({ database, ...server })}`,
    {
      hint: 'Choose another name, or leave out --create and restore into it.',
    },
  );
}
