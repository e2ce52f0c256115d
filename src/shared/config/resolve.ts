import { resolve } from 'node:path';
import type { Config, ConfigFile, DatabaseConfig, StorageConfig } from './schema.ts';
import { collectSecrets } from './secrets.ts';
import type { ConfigSource } from './source.ts';

const defaultCompression = { type: 'zstd', level: 1 } as const;
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
      (storage): StorageConfig => ({
        ...storage,
        path: absolute(storage.path),
      }),
    ),
    databases: mapValues(file.databases, (database, name) => resolveDatabase(name, database, file)),
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
  return {
    name,
    engine: database.engine,
    url: database.url,
    storage: database.storage ?? defaults.storage ?? onlyStorage,
    compression: database.compression ?? defaults.compression ?? defaultCompression,
    pool: database.pool ?? defaults.pool ?? defaultPool,
    maxDuration: database.maxDuration ?? defaults.maxDuration ?? defaultMaxDuration,
    volumeSize: database.volumeSize ?? defaults.volumeSize ?? defaultVolumeSize,
  };
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From, name: string) => To,
): ReadonlyMap<string, To> {
  return new Map(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}
