import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { EngineContext, Inspection } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { failureOf } from './explain.ts';
import { type Header, readHeader } from './header.ts';
import { runSql } from './run-sql.ts';
import { needSqlite } from './tools.ts';

/** Looks at the file first: sqlite3 would make an empty database where there is none, and call that a success. */
export async function inspect(database: DatabaseConfig, context: EngineContext): Promise<Inspection> {
  const { path } = sourceFor(database, ['sqlite']);
  const { header, bytes } = await readFile(path);
  const tool = await needSqlite(context);
  await tryToRead(path, context);
  return {
    engine: {
      name: 'sqlite',
      serverVersion: header.version || tool.version,
      toolVersion: tool.version,
      format: 'SQLite 3 database',
    },
    // A file has no identity that outlives a restore of it.
    source: { systemIdentifier: null, database: path },
    restore: {
      ...{ minToolVersion: tool.version, encoding: header.encoding },
      ...{ collate: '', ctype: '', owner: '', settings: [], roles: [] },
    },
    estimatedSourceBytes: bytes,
    notes: notesOn(header),
  };
}

async function readFile(path: string): Promise<{ header: Header; bytes: number }> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw unusable(path, 'is no regular file');
    if (found.size === 0) throw unusable(path, 'is empty');
    await access(path, constants.R_OK);
    const header = await readHeader(path);
    if (!header)
      throw unusable(path, 'does not begin as a database of SQLite 3: it is another file, or encrypted');
    return { header, bytes: found.size + (await sizeOf(`${path}-wal`)) };
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Needs the locks that a backup needs, and looks at the names only. */
async function tryToRead(path: string, context: EngineContext): Promise<void> {
  try {
    await runSql({ path, statements: ['SELECT count(*) AS objects FROM sqlite_schema'] }, context);
  } catch (error) {
    throw failureOf(error, { path, otherwise: 'DUMP_FAILED' });
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function notesOn({ userVersion, applicationId, writeAhead }: Header): string[] {
  return [
    ...(userVersion === 0 ? [] : [`user_version: ${userVersion}`]),
    ...(applicationId === 0 ? [] : [`application_id: ${applicationId}`]),
    `journal_mode: ${writeAhead ? 'wal' : 'delete'}`,
  ];
}

function unusable(path: string, what: string): BackupDataError {
  return new BackupDataError('CONFIG_INVALID', `${path} ${what}`, {
    hint: "Write the path of the database's own file; one that is encrypted needs the engine command.",
  });
}

function unreadable(path: string, error: unknown): unknown {
  if (error instanceof BackupDataError || !(error instanceof Error) || !('code' in error)) return error;
  const errno = error.code;
  if (errno === 'ENOENT' || errno === 'ENOTDIR')
    return new BackupDataError('DATABASE_MISSING', `there is no file ${path}`, {
      hint: 'Correct the path of the database; on each worker of its pool the file must be there.',
      cause: error,
    });
  if (errno === 'EACCES' || errno === 'EPERM')
    return new BackupDataError('DATABASE_PERMISSION', `${path} may not be read by this user`, {
      hint: 'Let the worker run as a user who may read the file, and write in its folder where it is in WAL mode.',
      cause: error,
    });
  return new BackupDataError('DATABASE_UNREACHABLE', `${path} cannot be read: ${errno}`, {
    hint: 'Check the disk or mount that holds it.',
    cause: error,
  });
}
