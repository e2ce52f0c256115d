import { resolve } from 'node:path';
import { drillPlaceOf } from './drill-places.ts';
import type { CopyConfig, RetentionConfig, SizeAnomalyConfig, VerifyConfig } from './policy-schema.ts';
import type {
  Config,
  ConfigFile,
  CopyTarget,
  DatabaseConfig,
  DatabasePolicy,
  EngineName,
  ServerConfig,
  Source,
} from './schema.ts';
import { collectSecrets } from './secrets.ts';
import type { ConfigSource } from './source.ts';
import type { StorageConfig } from './storage-schema.ts';

const defaultCompression = { type: 'zstd', level: 1 } as const;
const noEncryption = { type: 'none' } as const;
const defaultVerify: VerifyConfig = { level: 'decode', counts: 'none', assertions: [] };
const defaultSizeAnomaly: SizeAnomalyConfig = { factor: 3, last: 5, action: 'warn' };
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
    ...resolveDatabases(file, absolute),
    notifiers: new Map(Object.entries(file.notifiers)),
    publicUrl: file.publicUrl,
    auth: file.auth,
    audit: { file: file.audit.file === undefined ? null : absolute(file.audit.file) },
    api: file.api,
    grpc: { tls: resolveTls(file.grpc.tls, absolute) },
    identities: file.identities.flat(),
    queue: file.queue,
    timeouts: file.timeouts,
    toolPath: file.tools.path?.map(absolute),
    secrets: collectSecrets(file, source.files),
  };
}

function resolveTls(
  tls: ConfigFile['grpc']['tls'],
  absolute: (path: string) => string,
): Config['grpc']['tls'] {
  if (!tls) return null;
  const { certificate, key, clientAuthority } = tls;
  return {
    certificate: absolute(certificate),
    key: absolute(key),
    clientAuthority: clientAuthority === undefined ? null : absolute(clientAuthority),
  };
}

type Written = ConfigFile['databases'][string];

function resolveDatabases(
  file: ConfigFile,
  absolute: (path: string) => string,
): Pick<Config, 'databases' | 'servers'> {
  const databases = new Map<string, DatabaseConfig>();
  const servers = new Map<string, ServerConfig>();
  for (const [name, written] of Object.entries(file.databases)) {
    const policy = resolvePolicy(name, written, file);
    if ('discover' in written && written.discover !== undefined) {
      const { discover, url: _none, ...options } = written;
      const { url, include, exclude } = discover;
      servers.set(name, { template: { ...options, ...policy, url }, include, exclude });
    } else databases.set(name, { ...resolveSource(written, absolute), ...policy });
  }
  return { databases, servers };
}

/** The file was checked: whatever is no whole server has its address. */
function resolveSource(written: Written, absolute: (path: string) => string): Source {
  if (written.engine === 'sqlite') return { ...written, path: absolute(written.path) };
  if (!('discover' in written)) return written as Source;
  const { discover: _none, ...source } = written;
  return source as Source;
}

/** A database that names no storage has one only because there is no other. */
function resolvePolicy(name: string, written: Written, file: ConfigFile): DatabasePolicy {
  const { defaults, storages, notifiers } = file;
  const [onlyStorage = ''] = Object.keys(storages);
  const retention = written.retention ?? defaults.retention ?? null;
  return {
    name,
    storage: written.storage ?? defaults.storage ?? onlyStorage,
    copies: (written.copies ?? defaults.copies ?? []).map((copy) => resolveCopy(copy, retention)),
    compression: written.compression ?? defaults.compression ?? defaultCompression,
    encryption: written.encryption ?? defaults.encryption ?? noEncryption,
    retention,
    timezone: written.timezone ?? defaults.timezone ?? 'UTC',
    schedule: written.schedule ?? defaults.schedule ?? null,
    spread: written.spread ?? defaults.spread ?? 0,
    missed: written.missed ?? defaults.missed ?? 'run-once',
    maxAge: written.maxAge ?? defaults.maxAge ?? null,
    sizeAnomaly: written.sizeAnomaly ?? defaults.sizeAnomaly ?? defaultSizeAnomaly,
    notify: written.notify ?? defaults.notify ?? Object.keys(notifiers),
    verify: resolveVerify(written.engine, written.verify ?? defaults.verify),
    pool: written.pool ?? defaults.pool ?? defaultPool,
    maxDuration: written.maxDuration ?? defaults.maxDuration ?? defaultMaxDuration,
    volumeSize: written.volumeSize ?? defaults.volumeSize ?? defaultVolumeSize,
    before: resolveProgram(written.before ?? defaults.before),
    after: resolveProgram(written.after ?? defaults.after),
    nice: written.nice ?? defaults.nice ?? 0,
  };
}

/** What the defaults ask of every database is done for each as far as it can be. */
function resolveVerify(engine: EngineName, verify: VerifyConfig = defaultVerify): VerifyConfig {
  if (verify.level !== 'restore' || drillPlaceOf(engine) !== 'never') return verify;
  return { ...verify, level: 'decode' };
}

function resolveProgram(line: readonly string[] = []): readonly string[] | null {
  return line.length === 0 ? null : line;
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
