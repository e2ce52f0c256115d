import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import { addressOf, type Connection } from './connection.ts';

const unreachableSystemErrors = new Set([
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'ECONNABORTED',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EAI_FAIL',
  ],
  ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'ENOENT', 'EACCES'],
]);

/** Of the client itself, which gives them no code. */
const unreachableMessages =
  /timeout expired|connection terminated|client has encountered a connection error|not queryable/i;

const tlsMessages =
  /certificate|self.signed|does not support SSL|establishing an SSL|SSL routines|\bTLS\b|altname/i;

interface Meaning {
  code: ErrorCode;
  says: string;
  hint: string;
}

/** What `pg` threw, as one sentence that names server, user and database; `otherwise` when it is none of the known ones. */
export function connectionFailure(
  thrown: unknown,
  connection: Connection,
  otherwise: ErrorCode,
): BackupDataError {
  const meaning = meaningOf(thrown);
  const { user, database } = connection;
  const where = `PostgreSQL at ${addressOf(connection)}, user "${user}", database "${database}"`;
  const said = describe(thrown);
  if (meaning)
    return new BackupDataError(meaning.code, `${where}: ${meaning.says}: ${said}`, {
      hint: meaning.hint,
      cause: thrown,
    });
  return new BackupDataError(otherwise, `${where}: ${said}`, { cause: thrown });
}

/** The SQLSTATE of a server's error, or the code of a system error. */
export function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : '';
}

function meaningOf(thrown: unknown): Meaning | undefined {
  const code = codeOf(thrown);
  const message = thrown instanceof Error ? thrown.message : '';
  if (/^(08|57P0[123]|53300)/.test(code)) return unreachable('the server takes no connection now');
  if (/^28/.test(code) && /no encryption|SSL off/i.test(message)) return unencrypted;
  if (/^28/.test(code) && /certificate/i.test(message)) return uncertified;
  if (/^28/.test(code) || message.startsWith('SASL:')) return authentication;
  if (code === '3D000') return missing;
  if (code === '42501') return permission;
  if (code === '55P03') return locked;
  if (unreachableSystemErrors.has(code) || unreachableMessages.test(message))
    return unreachable('it cannot be reached');
  if (tlsMessages.test(message) || /^ERR_(OSSL|SSL|TLS)_/.test(code)) return untrusted;
  return undefined;
}

function unreachable(says: string): Meaning {
  return {
    code: 'DATABASE_UNREACHABLE',
    says,
    hint: 'Check that the server is up, that host and port are right, and that a firewall lets this machine through.',
  };
}

const authentication: Meaning = {
  code: 'DATABASE_AUTH',
  says: 'it refused the log-in',
  hint: "Check user and password in the database's URL, and the server's pg_hba.conf.",
};

const unencrypted: Meaning = {
  ...authentication,
  hint: "The server may want encryption: put sslmode=verify-full (or require) in the database's URL; else see its pg_hba.conf.",
};

const uncertified: Meaning = {
  ...authentication,
  hint: "The server wants a client certificate whose common name is the user: put sslcert and sslkey in the database's URL.",
};

const missing: Meaning = {
  code: 'DATABASE_MISSING',
  says: 'there is no such database',
  hint: "Check the database's name; for a restore, --create makes it.",
};

const permission: Meaning = {
  code: 'DATABASE_PERMISSION',
  says: 'the user is not allowed to do this',
  hint: 'Grant the user what the message names, or use another user in the URL.',
};

const locked: Meaning = {
  code: 'TIMEOUT',
  says: 'a lock was not given in time',
  hint: 'Something holds a lock on a table for longer than lockTimeout of the configuration: look into pg_locks.',
};

const untrusted: Meaning = {
  code: 'DATABASE_AUTH',
  says: 'no encrypted connection that can be trusted',
  hint: "Check sslmode, sslrootcert, sslcert and sslkey in the database's URL, and that the certificate names the host.",
};

/** A name that resolves to several addresses fails with an error for each; together they have no message. */
function describe(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') {
    return [...new Set(thrown.errors.map(describe))].join(', ');
  }
  return thrown instanceof Error ? thrown.message.split('\n', 1).join('') : String(thrown);
}
