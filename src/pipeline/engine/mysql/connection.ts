import { userInfo } from 'node:os';
import { BackupDataError } from '../../../shared/errors.ts';
import { Secret } from '../../../shared/secret.ts';
import type { RestoreTarget } from '../engine.ts';
import { sourceFor } from '../source.ts';
import type { Flavour } from './version.ts';

export const sslModes = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
export type SslMode = (typeof sslModes)[number];

/** A mysql or mariadb URL, read once. */
export interface Connection {
  /** Whose the URL says the server is; the server knows better. */
  scheme: Flavour;
  host: string;
  port: number;
  /** The path of the server's socket; host and port are then not used. */
  socket: string | undefined;
  user: string;
  database: string;
  password: Secret | undefined;
  tls: Tls;
}

/** In MySQL's own words; paths of files on this machine. */
export interface Tls {
  mode: SslMode;
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
}

/** Any other is refused: a misspelt one could mean no encryption. */
const understood = new Set(['socket', 'ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key']);

/** Reads a mysql or mariadb URL. CONFIG_INVALID when it cannot be read. */
export function parseConnection(url: Secret): Connection {
  const { protocol, hostname, port, username, password, pathname, searchParams } = readUrl(url);
  for (const name of searchParams.keys()) {
    if (!understood.has(name)) throw invalid(`its parameter "${name}" is not known`);
  }
  const secret = decode(password);
  return {
    scheme: protocol === 'mariadb:' ? 'mariadb' : 'mysql',
    host: hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: readPort(port),
    socket: searchParams.get('socket') ?? undefined,
    user: decode(username) || userInfo().username,
    database: decode(pathname.slice(1)),
    password: secret === '' ? undefined : new Secret(secret),
    tls: readTls(searchParams),
  };
}

/** A database's own URL, which must name it. */
export function parseSource(url: Secret): Connection {
  const connection = parseConnection(url);
  if (connection.database !== '') return connection;
  throw invalid('it names no database');
}

/** Where a restore goes. */
export function connectionOf({ source, database }: RestoreTarget): Connection {
  const url = sourceFor(source, ['mysql', 'mariadb']).url;
  return database === undefined ? parseSource(url) : { ...parseConnection(url), database };
}

/** The same server, without a database. */
export function serverOf(connection: Connection): Connection {
  return { ...connection, database: '' };
}

/** `host:port` or the socket, for messages. */
export function addressOf({ host, port, socket }: Connection): string {
  if (socket !== undefined) return socket;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function readUrl(url: Secret): URL {
  const text = url.reveal();
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed || !/^(mysql|mariadb):$/.test(parsed.protocol))
    throw invalid('it is not written as mysql://USER:PASSWORD@HOST:PORT/DATABASE');
  if (parsed.hash !== '') throw invalid('it holds a "#"; write %23 for a plain "#"');
  return parsed;
}

function readPort(text: string): number {
  const port = Number(text || '3306');
  if (port < 1) throw invalid('its port is not a number from 1 to 65535');
  return port;
}

/** Certificates without a word on what they are for are taken as the wish to have the server proven. */
function readTls(query: URLSearchParams): Tls {
  const [ca, cert, key] = ['ssl-ca', 'ssl-cert', 'ssl-key'].map((name) => query.get(name) ?? undefined);
  const written = query.get('ssl-mode')?.toUpperCase();
  const mode = sslModes.find((each) => each === (written ?? (ca === undefined ? 'PREFERRED' : 'VERIFY_CA')));
  if (!mode) throw invalid(`ssl-mode is one of ${sslModes.join(', ')}`);
  if ((cert === undefined) !== (key === undefined)) throw invalid('ssl-cert and ssl-key belong together');
  return { mode, ca, cert, key };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('a "%" in it is not followed by two hexadecimal digits');
  }
}

function invalid(reason: string): BackupDataError {
  return new BackupDataError('CONFIG_INVALID', `the MySQL URL cannot be read: ${reason}`, {
    hint: 'Write mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=VERIFY_IDENTITY, with special characters as %XX.',
  });
}
