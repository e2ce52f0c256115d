import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import { type StageExit, StageFailure } from '../../process/failure.ts';

interface Words {
  pattern: RegExp;
  code: ErrorCode;
  says: string;
  hint: string;
}

/** The first that sqlite3's words match. */
const known: readonly Words[] = [
  {
    pattern: /database( table| schema)? is locked|locking protocol/,
    code: 'DATABASE_UNREACHABLE',
    says: 'another program held a lock on it for as long as was waited',
    hint: 'It is tried again; look for a transaction that stays open. timeouts.connect says how long is waited for a lock.',
  },
  {
    pattern: /database or disk is full|no space left|disk quota|file too large/i,
    code: 'DISK_FULL',
    says: 'the copy does not fit on the disk of this machine',
    hint: 'Make room below TMPDIR, or set it to a folder on a larger disk.',
  },
  {
    pattern: /readonly database|unable to open database|authorization denied/,
    code: 'DATABASE_PERMISSION',
    says: 'this user may not read it as SQLite must',
    hint: 'A database in WAL mode needs the right to write to its folder for -wal and -shm, unless a program has it open; one whose writer was killed needs the right to write to the file.',
  },
  {
    pattern: /malformed|not a database|disk I\/O error/,
    code: 'DUMP_FAILED',
    says: 'the database is damaged or cannot be read',
    hint: 'Run PRAGMA integrity_check on it. Keep the last good backup; `sqlite3 FILE .recover` may save more.',
  },
];

/** What sqlite3 said of the file, as one sentence; `otherwise` when it is nothing known. */
export function sqliteFailure(exit: StageExit, path: string, otherwise: ErrorCode): BackupDataError {
  const failure = new StageFailure([exit]);
  const words = known.find(({ pattern }) => pattern.test(exit.stderr));
  const line = exit.stderr.split('\n').find((each) => words?.pattern.test(each));
  if (words && line !== undefined)
    return new BackupDataError(words.code, `${path}: ${words.says}: ${line.trim()}`, {
      hint: words.hint,
      cause: failure,
    });
  return new BackupDataError(otherwise, `${path}: ${failure.message}`, {
    hint: 'Run `backupdata check` to see whether the database and its tools are in order.',
    cause: failure,
  });
}

/** What the failed programs of a stage say, when it is known. */
export function explainTool(failure: StageFailure, where: string): BackupDataError | undefined {
  const failed = failure.exits.filter(({ code, stopped }) => !stopped && code !== 0);
  const line = failed
    .flatMap(({ stderr }) => stderr.split('\n'))
    .find((each) => /no space left|disk quota|file too large|database or disk is full/i.test(each));
  if (line === undefined) return undefined;
  return new BackupDataError('DISK_FULL', `${where}: the copy does not fit on the disk: ${line.trim()}`, {
    hint: 'Make room where it is written (below TMPDIR for a verification) and try again; a target is as it was before.',
    cause: failure,
  });
}
