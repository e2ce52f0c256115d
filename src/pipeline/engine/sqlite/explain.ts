import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import { StageFailure } from '../../process/failure.ts';

interface Words {
  pattern: RegExp;
  code: ErrorCode;
  says: string;
  hint: string;
}

/** The first that a program's words match. */
const known: readonly Words[] = [
  {
    pattern: /database or disk is full|no space left|disk quota|file too large/i,
    code: 'DISK_FULL',
    says: 'the disk of this machine is full',
    hint: 'Make room where it is written (below TMPDIR for a backup and a verification) and try again.',
  },
  {
    pattern: /database( schema| table)? is locked|\(5\)$/i,
    code: 'DATABASE_UNREACHABLE',
    says: 'another process held its lock for all of timeouts.connect',
    hint: 'Try again when that has ended; WAL mode (PRAGMA journal_mode=wal) lets readers in beside a writer.',
  },
  {
    pattern: /attempt to write a readonly database|unable to open database/i,
    code: 'DATABASE_UNREACHABLE',
    says: 'it cannot be read without writing beside it: a writer died in its middle, or it is in WAL mode and its folder may not be written',
    hint: "Let the application open it, which takes the dead writer's changes back; for WAL mode let the worker write in the folder.",
  },
];

/** What a failed program of SQLite means, when it is known. That a copy is bad is left to who asked. */
export function explainTool(failure: StageFailure, where: string): BackupDataError | undefined {
  const lines = failure.exits
    .filter(({ program, stopped }) => !stopped && /\/(sqlite3|dd)$/.test(program))
    .flatMap(({ stderr }) => stderr.split('\n'));
  const words = known.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const line = lines.find((each) => words?.pattern.test(each));
  if (!words || line === undefined) return undefined;
  return new BackupDataError(words.code, `${where}: ${words.says}: ${line.trim()}`, {
    hint: words.hint,
    cause: failure,
  });
}

/** A failure of a statement on the file as one error that names it. Anything that is no failure of a program passes as it is. */
export function failureOf(
  error: unknown,
  { path, otherwise }: { path: string; otherwise: ErrorCode },
): unknown {
  if (!(error instanceof StageFailure)) return error;
  const explained = explainTool(error, `the database ${path}`);
  return (
    explained ??
    new BackupDataError(otherwise, `the database ${path}: ${error.message}`, {
      hint: 'Run `PRAGMA integrity_check` on it; one that is damaged must be restored from an older backup.',
      cause: error,
    })
  );
}
