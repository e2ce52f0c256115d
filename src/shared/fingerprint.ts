import { createHash } from 'node:crypto';
import { placesOf } from './config/places.ts';
import type { DatabaseConfig, ServerConfig, Source } from './config/schema.ts';

/**
 * SHA-256 of engine, host, port or socket, user and database name; of a file's path; of the programs of a command. A job carries it,
 * so that a worker whose configuration means another source by the same name does not back that one up instead.
 */
export function sourceFingerprint(source: Source): string {
  return createHash('sha256')
    .update(JSON.stringify(identityOf(source)))
    .digest('hex');
}

/** As `sourceFingerprint`, and of the patterns too: by others another worker would leave other databases out. */
export function serverFingerprint({ template, include, exclude }: ServerConfig): string {
  const deciding = [sourceFingerprint(template), include, exclude];
  return createHash('sha256').update(JSON.stringify(deciding)).digest('hex');
}

function identityOf(source: Source): readonly unknown[] {
  if (source.engine === 'sqlite') return [source.engine, source.path];
  if (source.engine === 'command') return [source.engine, source.dump, source.restore ?? []];
  const { hostname, port, username, pathname, searchParams } = new URL(source.url.reveal());
  const overridden = ['host', 'port', 'user', 'dbname'].map((name) => searchParams.get(name) ?? '');
  const socket = searchParams.getAll('socket');
  return [source.engine, hostname, port, username, pathname, ...overridden, ...socket];
}

/**
 * SHA-256 of what decides which backups of a database are retired where. A prune that a person has seen a preview of
 * carries it: a worker whose configuration decides otherwise would retire what was not shown.
 */
export function retentionFingerprint(database: DatabaseConfig): string {
  const deciding = [placesOf(database), database.timezone];
  return createHash('sha256').update(JSON.stringify(deciding)).digest('hex');
}
