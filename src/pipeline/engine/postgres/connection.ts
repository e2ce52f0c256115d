import { userInfo } from 'node:os';
import { BackupDataError } from '../../../shared/errors.ts';
import { Secret } from '../../../shared/secret.ts';
import type { RestoreTarget } from '../engine.ts';
import { sourceFor } from '../source.ts';

/** A postgres URL, read once. `host` is a name, an address, or the directory of a socket. */
export interface Connection {
  host: string;
  port: number;
  user: string;
  database: string;
  /** Undefined when the URL has none: the server must then want none. No variable and no password file takes its place. */
  password: Secret | undefined;
  /** The URL's other parameters by their libpq names. */
  parameters: ReadonlyMap<string, string>;
}

const pattern =
  /^postgres(?:ql)?:\/\/(?:([^/?#:]*)(?::([^/?#]*))?@)?(\[[^\]/?#]*\]|[^/?#:@[\]]*)(?::(\d*))?(?:\/([^?#]*))?(?:\?([^#]*))?$/;

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** Parameters that mean the same to libpq and to this program. Any other is refused: a misspelt one could mean no encryption. */
const understood = new Set([
  ...[
    'sslmode',
    'sslrootcert',
    'sslcert',
    'sslkey',
    'options',
    'channel_binding',
    'gssencmode',
    'krbsrvname',
  ],
  ...['application_name', 'connect_timeout', 'keepalives', 'target_session_attrs'],
]);

/** Reads a postgres URL, in every form that libpq knows but several hosts. CONFIG_INVALID when it cannot be read. */
export function parseConnection(url: Secret): Connection {
  const match = pattern.exec(url.reveal());
  if (!match) throw invalid('it is not written as postgres://USER:PASSWORD@HOST:PORT/DATABASE');
  const [user, password, host, port, database] = match.slice(1, 6).map((part) => decode(part ?? ''));
  const query = parseQuery(match[6] ?? '');
  if ((query.get('host') || host || '').includes(','))
    throw invalid('it names several hosts; a dump comes from one');
  const name = query.get('user') || user || userInfo().username;
  const secret = query.get('password') || password;
  return {
    host: query.get('host') || (host ?? '').replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: parsePort(query.get('port') || port || '5432'),
    user: name,
    database: query.get('dbname') || database || name,
    password: secret ? new Secret(secret) : undefined,
    parameters: checkedParameters(query),
  };
}

/** Where a restore goes. */
export function connectionOf({ source, database }: RestoreTarget): Connection {
  return withDatabase(parseConnection(sourceFor(source, ['postgres']).url), database);
}

/** The same server, another database on it. */
export function withDatabase(connection: Connection, database: string | undefined): Connection {
  return database === undefined ? connection : { ...connection, database };
}

export function isSocket(connection: Connection): boolean {
  return connection.host.startsWith('/');
}

/** `host:port`, for messages. */
export function addressOf(connection: Connection): string {
  return connection.host.includes(':')
    ? `[${connection.host}]:${connection.port}`
    : `${connection.host}:${connection.port}`;
}

function parseQuery(text: string): Map<string, string> {
  const pairs = text.split('&').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [decode(name), decode(value.join('='))];
    }),
  );
}

function checkedParameters(query: ReadonlyMap<string, string>): Map<string, string> {
  const whereAndWho = new Set(['host', 'port', 'user', 'password', 'dbname']);
  const parameters = new Map([...query].filter(([name]) => !whereAndWho.has(name)));
  for (const name of parameters.keys()) {
    if (!understood.has(name)) throw invalid(`its parameter "${name}" is not known`);
  }
  const mode = parameters.get('sslmode');
  if (mode !== undefined && !sslModes.includes(mode))
    throw invalid(`sslmode is one of ${sslModes.join(', ')}`);
  return parameters;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw invalid('its port is not a number from 1 to 65535');
  return port;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('a "%" in it is not followed by two hexadecimal digits');
  }
}

function invalid(reason: string): BackupDataError {
  return new BackupDataError('CONFIG_INVALID', `the PostgreSQL URL cannot be read: ${reason}`, {
    hint: 'Write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, with special characters as %XX.',
  });
}
