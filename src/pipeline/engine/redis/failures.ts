import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import { type StageExit, StageFailure } from '../../process/failure.ts';
import { addressOf, type Connection, nameOfUser } from './connection.ts';

interface Words {
  pattern: RegExp;
  code: ErrorCode;
  says: string;
  hint: string;
}

/** The first that redis-cli's words match. */
const known: readonly Words[] = [
  {
    pattern: /AUTH failed|WRONGPASS|NOAUTH|\bDENIED\b/,
    code: 'DATABASE_AUTH',
    says: 'the server refused the log-in',
    hint: "Check user and password in the database's URL, and the server's ACL.",
  },
  {
    pattern: /NOPERM|unknown command/i,
    code: 'DATABASE_PERMISSION',
    says: 'the user may not do what a backup needs',
    hint: 'Allow it: ACL SETUSER NAME +info +replconf +sync. A hosted Redis may not offer SYNC at all; then its own backups are the way.',
  },
  {
    pattern: /no space left|error writing data|disk quota/i,
    code: 'DISK_FULL',
    says: 'the dump does not fit on the disk of this machine',
    hint: 'Make room below TMPDIR, or set it to a folder on a larger disk.',
  },
  {
    pattern:
      /could not connect|LOADING|MASTERDOWN|NOMASTERLINK|server closed|connection (refused|reset|timed out)|broken pipe|I\/O error|error reading|max number of clients|protocol error|SYNC with master failed/i,
    code: 'DATABASE_UNREACHABLE',
    says: 'the connection to the server was lost or refused',
    hint: 'Check that the server is up, not loading its data, and takes connections; one that demands TLS needs rediss://.',
  },
];

/** What redis-cli said, as one sentence that names server and user; `otherwise` when it is nothing known. */
export function clientFailure(
  exit: StageExit,
  connection: Connection,
  otherwise: ErrorCode,
): BackupDataError {
  const failure = new StageFailure([exit]);
  const where = `Redis at ${addressOf(connection)}, user "${nameOfUser(connection)}"`;
  const words = known.find(({ pattern }) => pattern.test(exit.stderr));
  if (!words)
    return new BackupDataError(otherwise, `${where}: ${failure.message}`, {
      hint: checkHint,
      cause: failure,
    });
  const line = exit.stderr.split('\n').find((each) => words.pattern.test(each)) ?? '';
  return new BackupDataError(words.code, `${where}: ${words.says}: ${line.trim()}`, {
    hint: words.hint,
    cause: failure,
  });
}

const checkHint = 'Run `backupdata check` to see whether the database and its tools are in order.';

/** redis-cli goes on as the default user, who may be allowed everything, where the log-in was refused. */
export function wasRefused({ stderr }: StageExit): boolean {
  return /^AUTH failed/m.test(stderr);
}

/** What a program writes to a disk, by its name. */
const written: readonly { program: RegExp; what: string; hint: string }[] = [
  {
    program: /\/dd$/,
    what: 'the decoded dump',
    hint: 'Make room where it is written (below TMPDIR for a verification) and try again; a target is as it was before.',
  },
  {
    program: /\/perl$/,
    what: 'what redis-check-rdb says',
    hint: 'Make room below TMPDIR, or set it to a folder on a larger disk.',
  },
];

/** What the failed programs of a stage say, when it is known. */
export function explainTool(failure: StageFailure, where: string): BackupDataError | undefined {
  const failed = failure.exits.filter(({ stopped }) => !stopped);
  for (const { program, what, hint } of written) {
    const line = failed
      .filter((exit) => program.test(exit.program))
      .flatMap(({ stderr }) => stderr.split('\n'))
      .find((each) => /no space left|disk quota|file too large/i.test(each));
    if (line === undefined) continue;
    return new BackupDataError('DISK_FULL', `${where}: ${what} does not fit on the disk: ${line.trim()}`, {
      hint,
      cause: failure,
    });
  }
  return undefined;
}
