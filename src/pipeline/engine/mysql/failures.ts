import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import type { StageFailure } from '../../process/failure.ts';
import { addressOf, type Connection } from './connection.ts';

interface Meaning {
  /** The numbers that client and server give their errors. */
  numbers: readonly number[];
  code: ErrorCode;
  says: string;
  hint: string;
}

const meanings: readonly Meaning[] = [
  {
    numbers: [1045, 1251, 1524, 1698, 1862, 2059, 2061, 1820],
    code: 'DATABASE_AUTH',
    says: 'the server refused the log-in',
    hint: "Check user and password in the database's URL, and from which hosts the server lets that user in.",
  },
  {
    numbers: [2026, 3159],
    code: 'DATABASE_AUTH',
    says: 'no encrypted connection that can be trusted',
    hint: "Check ssl-mode, ssl-ca, ssl-cert and ssl-key in the database's URL.",
  },
  {
    numbers: [2006, 2013],
    code: 'DATABASE_UNREACHABLE',
    says: 'the connection to the server was lost',
    hint: 'Check that the server is up; where it is, a row may be larger than it takes: set its max_allowed_packet to more than twice the size of the largest row.',
  },
  {
    numbers: [1040, 1203, 1226],
    code: 'DATABASE_UNREACHABLE',
    says: 'the server takes no more connections of this user',
    hint: "A backup has up to three at once: raise the server's max_connections, or the limits of the user.",
  },
  {
    numbers: [2002, 2003, 2005, 2012, 2055, 1053, 1077, 1129, 1130, 1927, 3032],
    code: 'DATABASE_UNREACHABLE',
    says: 'the connection to the server was lost or refused',
    hint: 'Check that the server is up, that host and port are right, and that a firewall lets this machine through.',
  },
  {
    numbers: [1153, 2020],
    code: 'CONFIG_INVALID',
    says: 'a row is larger than max_allowed_packet',
    hint: "Set max_allowed_packet of the server to more than twice the size of the largest row: a dump's text of a value is twice as long.",
  },
  {
    numbers: [1049],
    code: 'DATABASE_MISSING',
    says: 'there is no such database',
    hint: "Check the database's name; for a restore, --create makes it.",
  },
  {
    numbers: [1044, 1142, 1143, 1227, 1370, 1419],
    code: 'DATABASE_PERMISSION',
    says: 'the user is not allowed to do this',
    hint: 'Grant the user what the message names, or use another user in the URL.',
  },
];

/** `ERROR 1045 (28000) at line 1: …` of the client, `mariadb-dump: Got error: 1045: "…"` of the dump program. */
const spoken =
  /^(?:ERROR (\d+) \(\w{5}\)|(?:mysqldump|mariadb-dump): (?:Got error: |Error |Couldn't execute .*\()(\d+)\b|(?:mysqldump|mariadb-dump): .*\((\d+)\)$)/;

/** What a client program said, as one sentence that names server, user and database; `otherwise` when it is none of the known. */
export function clientFailure(
  failure: StageFailure,
  connection: Connection,
  otherwise: ErrorCode,
): BackupDataError {
  const { user, database } = connection;
  const on = database === '' ? '' : `, database "${database}"`;
  const where = `the server at ${addressOf(connection)}, user "${user}"${on}`;
  return (
    explainTool(failure, where) ??
    new BackupDataError(otherwise, `${where}: ${failure.message}`, {
      hint: "What the program says, or the server's error log, names the cause.",
      cause: failure,
    })
  );
}

/**
 * What a failed tool's words mean, when they are known. Only the products' own programs are listened to: a compressor's
 * complaint about its input is the consequence of something else. `where` begins the message.
 */
export function explainTool(failure: StageFailure, where: string): BackupDataError | undefined {
  const ours = failure.exits.filter(
    (exit) => !exit.stopped && exit.signal === null && /\/(mysql|mariadb)[^/]*$/.test(exit.program),
  );
  for (const line of ours.flatMap((exit) => exit.stderr.split('\n'))) {
    const number = numberIn(line);
    const meaning = meanings.find(({ numbers }) => numbers.some((each) => each === number));
    if (!meaning) continue;
    return new BackupDataError(meaning.code, `${where}: ${meaning.says}: ${line.trim()}`, {
      hint: meaning.hint,
      cause: failure,
    });
  }
  return undefined;
}

/** The number of the first error that the program reports; undefined when it reports none. */
export function errorNumber({ exits }: StageFailure): number | undefined {
  return exits
    .flatMap((exit) => exit.stderr.split('\n'))
    .map(numberIn)
    .find((number) => number !== undefined);
}

function numberIn(line: string): number | undefined {
  const found = spoken
    .exec(line)
    ?.slice(1)
    .find((each) => each !== undefined);
  return found === undefined ? undefined : Number(found);
}
