import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import type { StageFailure } from '../../process/failure.ts';

interface Words {
  pattern: RegExp;
  code: ErrorCode;
  says: string;
  hint: string;
}

/** The first that a tool's stderr matches; the tools run with English messages, the server's own may be in any language. */
const known: readonly Words[] = [
  {
    pattern: /canceling statement due to (statement|lock) timeout/i,
    code: 'TIMEOUT',
    says: 'a lock was not given in time',
    hint: 'Something holds a lock on a table for longer than lockTimeout of the configuration: look into pg_locks.',
  },
  {
    pattern:
      /valid client certificate|certificate verify failed|server certificate for|SSL error: .*alert|(certificate|private key) file/i,
    code: 'DATABASE_AUTH',
    says: 'no encrypted connection that both sides trust',
    hint: "Check sslmode, sslrootcert, sslcert and sslkey in the database's URL, and that the certificate names the host.",
  },
  {
    pattern:
      /password authentication failed|no password supplied|no pg_hba\.conf entry|authentication failed/i,
    code: 'DATABASE_AUTH',
    says: 'the server refused the log-in',
    hint: "Check user and password in the database's URL, and the server's pg_hba.conf.",
  },
  {
    pattern:
      /could not connect to (server|database)|connection to server .* failed|server closed the connection|terminating connection|lost synchronization|connection .*(refused|timed out|reset)|could not (send|receive) data|too many (clients|connections)|the database system is/i,
    code: 'DATABASE_UNREACHABLE',
    says: 'the connection to the server was lost or refused',
    hint: 'Check that the server is up and takes connections; it may have been restarted.',
  },
  {
    pattern: /permission denied|must be (owner|superuser|member|able)|row-level security/i,
    code: 'DATABASE_PERMISSION',
    says: 'the user is not allowed to do this',
    hint: 'Grant the user what the message names, or use another user in the URL.',
  },
  {
    pattern: /role "[^"]*" does not exist/i,
    code: 'OWNER_MISSING',
    says: 'the target server lacks a role',
    hint: 'Restore with --globals to make the roles that the server lacks, or with --no-owner.',
  },
  {
    pattern: /max_locks_per_transaction|out of shared memory/i,
    code: 'RESTORE_FAILED',
    says: 'the server cannot hold as many locks in one transaction',
    hint: 'Restore with --create, which needs no single transaction, or raise max_locks_per_transaction on the server.',
  },
];

/** The tool's or the server's own words; other lines may quote a row or a statement. */
const spoken = /^(pg_\w+|psql): |(ERROR|FATAL|PANIC): /;

/**
 * What a failed tool's words mean, when they are known. Only programs of PostgreSQL are listened to: a compressor's
 * complaint about its input is the consequence of something else. `where` names the database in the message.
 */
export function explainTool(failure: StageFailure, where: string): BackupDataError | undefined {
  const ours = failure.exits.filter(
    (exit) => !exit.stopped && exit.signal === null && /\/(pg_|psql)[^/]*$/.test(exit.program),
  );
  const lines = ours.flatMap((exit) => exit.stderr.split('\n')).filter((line) => spoken.test(line));
  const words = known.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const line = lines.find((each) => words?.pattern.test(each));
  if (!words || line === undefined) return undefined;
  return new BackupDataError(words.code, `${where}: ${words.says}: ${line.trim()}`, {
    hint: words.hint,
    cause: failure,
  });
}
