import { Secret } from '../secret.ts';
import type { Config, DatabaseConfig, ServerConfig } from './schema.ts';

/** The database of that name, be it configured by itself or found on a configured server; undefined for any other. */
export function findDatabase(
  { databases, servers }: Pick<Config, 'databases' | 'servers'>,
  name: string,
): DatabaseConfig | undefined {
  const configured = databases.get(name);
  if (configured) return configured;
  for (const [server, config] of servers) {
    const found = name.startsWith(`${server}.`) ? decodeName(name.slice(server.length + 1)) : undefined;
    if (found !== undefined) return databaseOn(config, found);
  }
  return undefined;
}

/** The server that a database of that name is or was on; undefined for one that is configured by itself, and for any other name. */
export function serverOf(
  { databases, servers }: Pick<Config, 'databases' | 'servers'>,
  name: string,
): ServerConfig | undefined {
  if (databases.has(name)) return undefined;
  return [...servers.values()].find(({ template }) => name.startsWith(`${template.name}.`));
}

/** Our name for what somebody named by a server and the server's own name: `main.~53hop` for `main.Shop`. Undefined for any other. */
export function nameMeant(config: Pick<Config, 'databases' | 'servers'>, text: string): string | undefined {
  const server = serverOf(config, text)?.template.name;
  if (server === undefined) return undefined;
  const rest = text.slice(server.length + 1);
  return rest === '' || decodeName(rest) !== undefined ? undefined : `${server}.${encodeName(rest)}`;
}

/** What an operator may name: every database and every server of the configuration. */
export function configuredNames({ databases, servers }: Pick<Config, 'databases' | 'servers'>): string[] {
  return [...databases.keys(), ...servers.keys()];
}

/** Every pool that a database or a server of the configuration names. */
export function configuredPools({ databases, servers }: Pick<Config, 'databases' | 'servers'>): string[] {
  const templates = [...servers.values()].map(({ template }) => template);
  return [...new Set([...databases.values(), ...templates].map(({ pool }) => pool))];
}

/** A database on a server, by the name that the server has for it; undefined where its patterns leave that one out, and where no URL can name it. */
export function databaseOn(server: ServerConfig, database: string): DatabaseConfig | undefined {
  const { template } = server;
  const url = isWanted(server, database) ? urlFor(database, template.url.reveal()) : undefined;
  return url === undefined
    ? undefined
    : { ...template, name: `${template.name}.${encodeName(database)}`, url: new Secret(url) };
}

/** Another database's address on the same server. Undefined for `.` and `..`, which are ways between folders in a URL. */
function urlFor(database: string, address: string): string | undefined {
  const url = new URL(address);
  url.pathname = `/${encodeURIComponent(database)}`;
  // As text: what URLSearchParams writes has `+` for a space, which libpq and others take for what it is.
  const parameters = url.search.slice(1).split('&');
  url.search = parameters
    .filter((each) => decodeURIComponent(each.split('=', 1).join()) !== 'dbname')
    .join('&');
  return decodeURIComponent(url.pathname.slice(1)) === database ? url.href : undefined;
}

/** Whether the patterns let a database through; an empty `include` includes all. */
export function isWanted(
  { include, exclude }: Pick<ServerConfig, 'include' | 'exclude'>,
  database: string,
): boolean {
  const isLike = (pattern: string): boolean => matchesPattern(pattern, database);
  return (include.length === 0 || include.some(isLike)) && !exclude.some(isLike);
}

/** Whether it may stand for more than the database of that very name. */
export function isPattern(text: string): boolean {
  return /[*?]/.test(text);
}

/** `*` stands for any characters, `?` for one. */
export function matchesPattern(pattern: string, name: string): boolean {
  const source = pattern.replaceAll(/[\\^$.*+?()[\]{}|]/g, (character) => {
    if (character === '*') return '.*';
    return character === '?' ? '.' : `\\${character}`;
  });
  return new RegExp(`^${source}$`, 'su').test(name);
}

/** Bytes outside `[a-z0-9_-]` as `~` and two hexadecimal digits, so that two names are never one. */
export function encodeName(database: string): string {
  return Array.from(Buffer.from(database), (byte) => {
    const character = String.fromCharCode(byte);
    return /[a-z0-9_-]/.test(character) ? character : `~${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** Reads what `encodeName` wrote; undefined for anything else. */
export function decodeName(encoded: string): string | undefined {
  const bytes = Array.from(encoded.matchAll(/~([0-9a-f]{2})|([a-z0-9_-])/g), ([character, code]) =>
    code === undefined ? character.charCodeAt(0) : Number.parseInt(code, 16),
  );
  const database = Buffer.from(bytes).toString('utf8');
  return encodeName(database) === encoded && encoded !== '' ? database : undefined;
}
