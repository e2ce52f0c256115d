import { BackupDataError } from '../../../shared/errors.ts';
import type { RestoreFacts } from '../../../shared/manifest.ts';
import { StageFailure } from '../../process/failure.ts';
import { addressOf, serverOf } from './connection.ts';
import { errorNumber } from './failures.ts';
import { isSameName } from './same-name.ts';
import { identifier, literal, openSession, type SessionOptions } from './session.ts';
import { targetExists } from './target.ts';

/** Milliseconds for a statement that must run to its end even when the restore was aborted. */
const statementTime = 120_000;

/**
 * Makes the target database as the source was. The statement is not aborted half-way, because the server would go on
 * with it and leave a database that nobody drops. TARGET_EXISTS when another was quicker.
 */
export async function createDatabase(
  options: SessionOptions,
  { encoding, collate }: RestoreFacts,
): Promise<void> {
  const { connection } = options;
  const session = await openSession(onServer(options));
  try {
    await session.lines(
      `CREATE DATABASE ${identifier(connection.database)} CHARACTER SET ${word(encoding)} COLLATE ${word(collate)};`,
    );
  } catch (error) {
    throw creationFailure(error, options, { encoding, collate });
  }
}

/** Takes it back. Never throws: a clause says so where the database stays. */
export async function dropDatabase(options: SessionOptions): Promise<string | undefined> {
  const { connection } = options;
  try {
    const session = await openSession(onServer(options));
    await endConnections(session, connection.database);
    await session.lines(`DROP DATABASE IF EXISTS ${identifier(connection.database)};`);
    return undefined;
  } catch {
    return `the database "${connection.database}" at ${addressOf(connection)}, which it made, could not be dropped`;
  }
}

/** A client that was killed leaves a statement running, which would hold the database's tables. */
async function endConnections(
  { query, lines }: Awaited<ReturnType<typeof openSession>>,
  database: string,
): Promise<void> {
  const left = await query<{ id: number }>(
    `SELECT JSON_OBJECT('id', ID) FROM information_schema.PROCESSLIST WHERE ${isSameName('DB', literal(database))};`,
  );
  for (const { id } of left) await lines(`KILL ${id};`).catch(() => undefined);
}

/** For what must not be left half done. */
export function uninterrupted(options: SessionOptions): SessionOptions {
  return { ...options, context: { ...options.context, signal: AbortSignal.timeout(statementTime) } };
}

/** The same on a connection that names no database. */
export function onServer(options: SessionOptions): SessionOptions {
  return uninterrupted({ ...options, connection: serverOf(options.connection) });
}

/** The manifest's bytes are proven, and yet nothing of it is taken as SQL. */
function word(text: string): string {
  if (/^[A-Za-z0-9_]+$/.test(text)) return text;
  throw new BackupDataError(
    'MANIFEST_INVALID',
    `"${text}" is the name of no character set and no collation`,
    {
      hint: 'Use another backup: `backupdata list`.',
    },
  );
}

function creationFailure(
  error: unknown,
  { connection }: SessionOptions,
  { encoding, collate }: Pick<RestoreFacts, 'encoding' | 'collate'>,
): unknown {
  const cause = error instanceof BackupDataError ? error.cause : undefined;
  const number = cause instanceof StageFailure ? errorNumber(cause) : undefined;
  if (number === 1007) return targetExists(connection);
  if (number !== 1115 && number !== 1273 && number !== 1253) return error;
  return new BackupDataError(
    'RESTORE_FAILED',
    `the server at ${addressOf(connection)} does not know the character set ${encoding} or the collation ${collate} of the source`,
    {
      hint: 'Restore to a server that knows it, or make a database yourself and restore into it without --create.',
      cause: error,
    },
  );
}
