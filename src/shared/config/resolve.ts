import { resolve } from 'node:path';
import type { CopyConfig, RetentionConfig, VerifyConfig } from './policy-schema.ts';
import type { Config, ConfigFile, CopyTarget, DatabaseConfig } from './schema.ts';
import { collectSecrets } from './secrets.ts';
import type { ConfigSource } from './source.ts';
import type { StorageConfig } from './storage-schema.ts';

const defaultCompression = { type: 'zstd', level: 1 } as const;
const noEncryption = { type: 'none' } as const;
const defaultVerify: VerifyConfig = { level: 'decode', counts: 'none', assertions: [] };
const defaultPool = 'default';
const defaultMaxDuration = 86_400_000;
const defaultVolumeSize = 64 * 2 ** 30;

/** Applies the defaults to a file that was checked. */
export function resolveConfig(file: ConfigFile, source: ConfigSource): Config {
  const absolute = (path: string): string => resolve(source.folder, path);
  return {
    origin: source.origin,
    installation: file.installation ?? 'default',
    storages: mapValues(
      file.storages,
      (storage): StorageConfig =>
        storage.type === 'local' ? { ...storage, path: absolute(storage.path) } : storage,
    ),
    databases: mapValues(file.databases, (database, name) => resolveDatabase(name, database, file)),
    identities: file.identities.flat(),
    queue: file.queue,
    timeouts: file.timeouts,
    toolPath: file.tools.path?.map(absolute),
    secrets: collectSecrets(file, source.files),
  };
}

/** A database that names no storage has one only because there is no other. */
function resolveDatabase(
  name: string,
  database: ConfigFile['databases'][string],
  { defaults, storages }: ConfigFile,
): DatabaseConfig {
  const [onlyStorage = ''] = Object.keys(storages);
  const retention = database.retention ?? defaults.retention ?? null;
  return {
    name,
    engine: database.engine,
    url: database.url,
    storage: database.storage ?? defaults.storage ?? onlyStorage,
    copies: (database.copies ?? defaults.copies ?? []).map((copy) => resolveCopy(copy, retention)),
    compression: database.compression ?? defaults.compression ?? defaultCompression,
    encryption: database.encryption ?? defaults.encryption ?? noEncryption,
    retention,
    timezone: database.timezone ?? defaults.timezone ?? 'UTC',
    verify: database.verify ?? defaults.verify ?? defaultVerify,
    pool: database.pool ?? defaults.pool ?? defaultPool,
    maxDuration: database.maxDuration ?? defaults.maxDuration ?? defaultMaxDuration,
    volumeSize: database.volumeSize ?? defaults.volumeSize ?? defaultVolumeSize,
  };
}

/** A copy keeps its backups as long as the database does, where it says nothing else. */
function resolveCopy(copy: CopyConfig, retention: RetentionConfig | null): CopyTarget {
  if (typeof copy === 'string') return { storage: copy, retention };
  return { storage: copy.storage, retention: copy.retention ?? retention };
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From, name: string) => To,
): ReadonlyMap<string, To> {
  return new Map(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}
