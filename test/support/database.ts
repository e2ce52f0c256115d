import type { Config, DatabaseConfig, DatabasePolicy, SourceOf } from '../../src/shared/config/schema.ts';
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
    schedule: null,
    spread: 0,
    missed: 'run-once',
    maxAge: null,
    sizeAnomaly: { factor: 3, last: 5, action: 'warn' },
    notify: [],
    verify: { level: 'decode', counts: 'none', assertions: [] },
    pool: 'default',
    maxDuration: 60_000,
    volumeSize: 1 << 30,
    before: null,
    after: null,
    nice: 0,
  };
}

/** A configuration of nothing but those databases, with short limits; `changes` make the case. */
export function sampleConfig({
  databases = [],
  ...changes
}: Partial<Omit<Config, 'databases'>> & { databases?: readonly DatabaseConfig[] } = {}): Config {
  return {
    origin: 'a test',
    installation: 'default',
    storages: new Map(),
    databases: new Map(databases.map((database) => [database.name, database])),
    servers: new Map(),
    notifiers: new Map(),
    publicUrl: null,
    auth: { tokens: [] },
    audit: { file: null },
    api: { cors: [], trustedProxies: 0 },
    grpc: { tls: null },
    identities: [],
    queue: {
      lockDuration: 60_000,
      stalledInterval: 15_000,
      maxStalledCount: 2,
      attempts: 2,
      backoff: { initial: 1, max: 1 },
      drift: { retry: 1, giveUp: 1 },
    },
    timeouts: { connect: 1, noBytes: 1, request: 1, drain: 1 },
    toolPath: undefined,
    secrets: [],
    ...changes,
  };
}

/** The URL of a configured database; fails for one that has none. */
export function urlOf(database: DatabaseConfig | undefined): string {
  if (database && 'url' in database) return database.url.reveal();
  throw new Error(`${database?.name ?? 'nothing'} has no URL`);
}
