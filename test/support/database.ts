import type { DatabaseConfig } from '../../src/shared/config/schema.ts';
import { Secret } from '../../src/shared/secret.ts';

/** A database as the configuration gives it with every setting at its default; `changes` make the case. */
export function sampleDatabase(changes: Partial<DatabaseConfig> = {}): DatabaseConfig {
  return {
    name: 'shop',
    engine: 'postgres',
    url: new Secret('postgres://localhost/shop'),
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
    ...changes,
  };
}
