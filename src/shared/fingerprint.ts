import { createHash } from 'node:crypto';
import { placesOf } from './config/places.ts';
import type { DatabaseConfig } from './config/schema.ts';

/**
 * SHA-256 of engine, host, port, user and database name. A job carries it, so that a worker whose configuration
 * means another server by the same name does not back that one up instead.
 */
export function sourceFingerprint({ engine, url }: Pick<DatabaseConfig, 'engine' | 'url'>): string {
  const { hostname, port, username, pathname, searchParams } = new URL(url.reveal());
  const overridden = ['host', 'port', 'user', 'dbname'].map((name) => searchParams.get(name) ?? '');
  const identity = [engine, hostname, port, username, pathname, ...overridden];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}

/**
 * SHA-256 of what decides which backups of a database are retired where. A prune that a person has seen a preview of
 * carries it: a worker whose configuration decides otherwise would retire what was not shown.
 */
export function retentionFingerprint(database: DatabaseConfig): string {
  const deciding = [placesOf(database), database.timezone];
  return createHash('sha256').update(JSON.stringify(deciding)).digest('hex');
}
