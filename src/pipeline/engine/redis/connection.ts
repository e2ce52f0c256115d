import { BackupDataError } from '../../../shared/errors.ts';
import { Secret } from '../../../shared/secret.ts';

/** A redis URL, read once. */
export interface Connection {
  host: string;
  port: number;
  /** The path of a Unix socket, instead of host and port. */
  socket: string | undefined;
  /** Undefined for the user `default`. */
  user: string | undefined;
  password: Secret | undefined;
  /** Null for a connection that is not encrypted. */
  tls: TlsSettings | null;
  /** The operator knows that this is one node of a cluster, and wants a backup of its slots alone. */
  clusterNode: boolean;
}

/** Paths are those of PEM files. */
export interface TlsSettings {
  /** Whom to trust; undefined for the authorities that this machine trusts. */
  cacert: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  /** The name to ask for, which the server's certificate must bear; undefined for the host. */
  sni: string | undefined;
  /** Trust anybody. */
  insecure: boolean;
}

const tlsParameters = ['cacert', 'cert', 'key', 'sni', 'insecure'];
/** Any other is refused: a misspelt one could mean no proof of whom we talk to. */
const understood = new Set([...tlsParameters, 'socket', 'cluster']);

/** Reads a redis or rediss URL. CONFIG_INVALID when it cannot be read. */
export function parseConnection(secret: Secret): Connection {
  const url = new URL(secret.reveal());
  const parameters = parametersOf(url);
  refuseDatabase(url);
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  // redis-cli would be the default user then, without a word.
  if (user !== '' && password === '') throw invalid('it names a user and no password');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: Number(url.port || '6379'),
    socket: parameters.get('socket'),
    user: user === '' ? undefined : user,
    password: password === '' ? undefined : new Secret(password),
    tls: tlsOf(url, parameters),
    clusterNode: isClusterNode(parameters),
  };
}

/** `host:port` or the socket's path, for messages. */
export function addressOf({ host, port, socket }: Connection): string {
  if (socket !== undefined) return socket;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function nameOfUser({ user }: Connection): string {
  return user ?? 'default';
}

function parametersOf({ search, hash }: URL): Map<string, string> {
  if (hash !== '') throw invalid('a "#" stands in it');
  const parameters = new Map<string, string>();
  // A plus is a plus: this is no form.
  for (const [name, value] of new URLSearchParams(search.replaceAll('+', '%2B'))) {
    if (!understood.has(name)) throw invalid(`its parameter "${name}" is not known`);
    if (value === '') throw invalid(`its parameter "${name}" is empty`);
    if (parameters.has(name)) throw invalid(`its parameter "${name}" stands in it twice`);
    parameters.set(name, value);
  }
  return parameters;
}

function refuseDatabase({ pathname }: URL): void {
  if (pathname === '' || pathname === '/') return;
  throw invalid('it names one database, and a backup holds all databases of a server');
}

function tlsOf({ protocol }: URL, parameters: ReadonlyMap<string, string>): TlsSettings | null {
  const given = tlsParameters.find((name) => parameters.has(name));
  if (protocol !== 'rediss:') {
    if (given) throw invalid(`its parameter "${given}" is about TLS, which only rediss:// uses`);
    return null;
  }
  const [cert, key] = [parameters.get('cert'), parameters.get('key')];
  if ((cert === undefined) !== (key === undefined)) throw invalid('cert and key go together');
  const insecure = parameters.get('insecure');
  if (insecure !== undefined && insecure !== 'true') throw invalid('insecure is true, or left out');
  return {
    cacert: parameters.get('cacert'),
    cert,
    key,
    sni: parameters.get('sni'),
    insecure: insecure === 'true',
  };
}

function isClusterNode(parameters: ReadonlyMap<string, string>): boolean {
  const cluster = parameters.get('cluster');
  if (cluster !== undefined && cluster !== 'node') throw invalid('cluster is node, or left out');
  return cluster === 'node';
}

function invalid(reason: string): BackupDataError {
  return new BackupDataError('CONFIG_INVALID', `the Redis URL cannot be read: ${reason}`, {
    hint: 'Write redis://USER:PASSWORD@HOST:PORT or rediss://USER:PASSWORD@HOST:PORT?cacert=/path/ca.crt, with special characters as %XX.',
  });
}
