import { realpath, stat } from 'node:fs/promises';
import { succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { sqliteFailure } from './failures.ts';
import { backupCommand, runShell, sqlCommand } from './shell.ts';

/** SQLITE_READONLY, which is also how sqlite3 ends then. */
const needsToWrite = 8;

/**
 * Runs commands in the database to back up, which they do not change; but what a killed writer left half done is rolled
 * back first, as by any program that opens the file. Throws what went wrong, as a typed error.
 */
export async function readSource(
  { path, commands }: { path: string; commands: readonly string[] },
  context: EngineContext,
): Promise<void> {
  const first = await runShell({ path, commands }, context);
  const rollsBack = first.code === needsToWrite && (await sizeBeside(path, '-journal')) > 0;
  const { stdout: _, ...exit } = rollsBack ? await runShell({ path, commands, write: true }, context) : first;
  if (!succeeded(exit)) throw sqliteFailure(exit, path, 'DUMP_FAILED');
}

/**
 * Copies a database page by page into a new file, as of the moment at which its transaction begins to read: without one the
 * copy begins again whenever somebody writes. VACUUM INTO would run the schema, and fails where that needs an extension,
 * or (3.40) where a table has a generated column and a CHECK. Throws as `readSource` does.
 */
export function copyDatabase(
  { from, to }: { from: string; to: string },
  context: EngineContext,
): Promise<void> {
  const commands = [sqlCommand('BEGIN'), sqlCommand('SELECT count(*) FROM sqlite_schema'), backupCommand(to)];
  return readSource({ path: from, commands }, context);
}

/** Bytes of a file that SQLite keeps beside the database, where that really is; 0 where there is none. */
export async function sizeBeside(path: string, suffix: '-wal' | '-journal'): Promise<number> {
  try {
    return (await stat(`${await realpath(path)}${suffix}`)).size;
  } catch {
    return 0;
  }
}
