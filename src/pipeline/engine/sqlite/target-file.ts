import { open } from 'node:fs/promises';
import { BackupDataError } from '../../../shared/errors.ts';
import { guardedFile } from '../../file/failure.ts';
import { siblingsOf, sizeOf, withoutSiblings } from '../../file/siblings.ts';
import { succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { sqliteFailure } from './failures.ts';
import { runSql } from './shell.ts';

/** What SQLite keeps beside a database. Whatever file has the database's name is what it applies them to. */
const suffixes = ['-wal', '-shm', '-journal'] as const;

/** SQLITE_CORRUPT and SQLITE_NOTADB: there is nothing to settle in such a file. */
const damaged: readonly (number | null)[] = [11, 26];

/** Refuses a database that a program has locked, and what an earlier database left behind where there is none now. */
export async function refuseInUse(path: string, context: EngineContext): Promise<void> {
  if (await isThere(path)) return settle(path, context);
  const [left] = await siblingsOf(path, ['-wal', '-journal']);
  if (left === undefined) return;
  throw new BackupDataError(
    'TARGET_EXISTS',
    `${left} is there without its database, and SQLite would apply it to the restored one`,
    {
      hint: 'It may hold the last changes of a database that was moved: put it beside that one, or remove it.',
    },
  );
}

/**
 * Writes what the database at the target still has in its WAL or journal into the file itself, so that the file is whole
 * without them. Refuses one that another program has open: in WAL mode that shows, otherwise only where it holds a lock.
 */
export async function settle(path: string, context: EngineContext): Promise<void> {
  if (!(await isThere(path))) return;
  const sql = 'BEGIN EXCLUSIVE; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)';
  const { stdout: _, ...exit } = await runSql({ path, sql, write: true }, context);
  if (damaged.includes(exit.code)) return;
  if (!succeeded(exit)) throw sqliteFailure(exit, path, 'RESTORE_FAILED');
  // The last program to close a database in WAL mode removes them.
  if ((await siblingsOf(path, ['-wal', '-shm'])).length === 0) return;
  throw new BackupDataError('DATABASE_UNREACHABLE', `another program has ${path} open`, {
    hint: 'Stop it: it would go on with the file that is replaced. Then restore again, or restore to another file.',
  });
}

/**
 * Does work that makes something of a settled database, and settles it again. Refuses one that another program has open then
 * or has changed meanwhile, even if it was gone before the end: what it wrote is not in what the work made, and would be lost.
 */
export async function whileUnchanged(
  path: string,
  work: () => Promise<void>,
  context: EngineContext,
): Promise<void> {
  const before = await stateOf(path);
  await work();
  await settle(path, context);
  if ((await stateOf(path)) === before) return;
  throw new BackupDataError('DATABASE_UNREACHABLE', `another program changed ${path} during the restore`, {
    hint: 'Stop it: what it writes now would be lost. Then restore again, or restore to another file.',
  });
}

/**
 * Which file it is and when it was written to last, and the change counter of its header, for clocks of file systems are coarse
 * (https://www.sqlite.org/fileformat.html#file_change_counter; the counter stands still in WAL mode).
 */
async function stateOf(path: string): Promise<string> {
  if (!(await isThere(path))) return '';
  return guardedFile(path, async () => {
    await using file = await open(path, 'r');
    const { ino, size, mtimeNs } = await file.stat({ bigint: true });
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 24);
    return [ino, size, mtimeNs, buffer.toString('hex')].join(' ');
  });
}

/**
 * Gives the new file the target's name. What is still beside the old one is out of the way before: it may be of a damaged
 * database, or a journal that is kept empty, but SQLite would look there for changes to the new file.
 */
export function withoutSidecars<T>(path: string, aside: string, publish: () => Promise<T>): Promise<T> {
  return withoutSiblings({ path, suffixes, aside }, publish);
}

/** Whether a database is there: not one that is empty. */
export async function isThere(path: string): Promise<boolean> {
  return ((await sizeOf(path)) ?? 0) > 0;
}
