import type { DatabaseConfig, DatabasePolicy, SourceOf } from '../../src/shared/config/schema.ts';
import { sourceOfUrl } from '../../src/shared/config/source-schema.ts';

/** A database as the configuration gives it with every setting at its default; `changes` make the case. */
export function sampleDatabase(
  changes: Partial<DatabasePolicy & SourceOf<'postgres'>> = {},
): DatabasePolicy & SourceOf<'postgres'> {
  const source = sourceOfUrl('postgres://localhost/shop') as SourceOf<'postgres'>;
  return { ...samplePolicy(), ...source, ...changes };
}

/** What holds for a database of any engine, with every setting at its default. */
export function samplePolicy(): DatabasePolicy {
  return {
    name: 'shop',
    storage: 'main',
    copies: [],
    compression: { type: 'zstd', level: 1 },
    encryption: { type: 'none' },
    retention: null,
    timezone: 'UTC',
    verify: { level: 'decode', counts: 'none', assertions: [] },
    pool: 'default',
    maxDuration: 60_000,
    volumeSize: 1 << 30,
    before: null,
    after: null,
    nice: 0,
  };
}

/** The URL of a configured database; fails for one that has none. */
export function urlOf(database: DatabaseConfig | undefined): string {
  if (database && 'url' in database) return database.url.reveal();
  throw new Error(`${database?.name ?? 'nothing'} has no URL`);
}
