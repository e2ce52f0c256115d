import type { Config, DatabaseConfig, ServerConfig } from '../shared/config/schema.ts';
import { configuredNames, findDatabase, nameMeant, serverOf } from '../shared/config/servers.ts';
import { BackupDataError } from '../shared/errors.ts';
import { listSome } from '../shared/list-some.ts';
import type { Manifest } from '../shared/manifest.ts';
import type { Codec } from './codec/codec.ts';
import { codecFromManifest, createCodec } from './codec/codecs.ts';
import type { Engine, EngineContext } from './engine/engine.ts';
import type { Tools } from './process/tools.ts';
import { openStorage } from './storage/open.ts';
import type { Storage } from './storage/storage.ts';

/** Turns what the configuration names into what the pipeline works with; a name that it does not hold is refused. */
export interface Resources {
  database(name: string): DatabaseConfig;
  server(name: string): ServerConfig;
  storage(name: string): Promise<Storage>;
  storageNames: readonly string[];
  /** Whether the configuration lets a storage be another installation's. */
  isShared(storage: string): boolean;
  engine(name: string): Promise<Engine>;
  /** For one attempt, in the order in which they encode: compression, then encryption. */
  encoders(database: DatabaseConfig): Promise<Codec[]>;
  /**
   * The codecs that a manifest names, in the order in which they encoded: only for who decodes. IDENTITY_MISSING when this
   * configuration has no key to what is encrypted.
   */
  codecsOf(manifest: Manifest): Promise<Codec[]>;
  context(signal: AbortSignal): EngineContext;
}

export function createResources({ config, tools }: { config: Config; tools: Tools }): Resources {
  const storages = new Map<string, Promise<Storage>>();
  const engines = new Map<string, Promise<Engine>>();
  return {
    database: (name) =>
      findDatabase(config, name) ??
      fail(config.servers.has(name) ? isServer(name) : unknownDatabase(name, config)),
    server: (name) =>
      config.servers.get(name) ??
      fail(unknown('DATABASE_UNKNOWN', 'server', name, config, [...config.servers.keys()])),
    storageNames: [...config.storages.keys()],
    isShared: (name) => config.storages.get(name)?.shared === true,
    storage: (name) =>
      remember(storages, name, async () => {
        const found = config.storages.get(name);
        return found
          ? openStorage({ name, config: found, timeouts: config.timeouts })
          : fail(unknown('STORAGE_UNKNOWN', 'storage', name, config, [...config.storages.keys()]));
      }),
    engine: (name) =>
      remember(engines, name, async () => (await import('./engine/engines.ts')).engineFor(name)),
    encoders: ({ compression, encryption }) => {
      const configs = encryption.type === 'none' ? [compression] : [compression, encryption];
      return Promise.all(configs.map((each) => createCodec({ config: each, tools })));
    },
    codecsOf: ({ backupId, codecs }) => {
      const { identities } = config;
      return Promise.all(codecs.map((each) => codecFromManifest({ ...each, backupId, identities, tools })));
    },
    context: (signal) => ({ tools, connectTimeout: config.timeouts.connect, signal }),
  };
}

function remember<T>(cache: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const made = cache.get(name) ?? make();
  cache.set(name, made);
  return made;
}

function unknown(
  code: 'DATABASE_UNKNOWN' | 'STORAGE_UNKNOWN',
  kind: string,
  name: string,
  config: Config,
  known: readonly string[],
): BackupDataError {
  return new BackupDataError(code, `there is no ${kind} "${name}" in the configuration (${config.origin})`, {
    hint: `It has ${listSome(known, 20) || 'none'}.`,
  });
}

/** Of a server it may be named by the server's own name, or be one that the patterns leave out. */
function unknownDatabase(name: string, config: Config): BackupDataError {
  const error = unknown('DATABASE_UNKNOWN', 'database', name, config, configuredNames(config));
  const server = serverOf(config, name)?.template.name;
  if (server === undefined || name === `${server}.`) return error;
  const meant = nameMeant(config, name);
  const hint =
    meant === undefined
      ? `See \`discover.include\` and \`discover.exclude\` of ${server}: they leave it out.`
      : `On the server ${server} it is called ${meant}: what is not a-z, 0-9, "_" or "-" is written as "~" and two digits.`;
  return new BackupDataError(error.code, error.message, { hint });
}

function isServer(name: string): BackupDataError {
  return new BackupDataError('DATABASE_UNKNOWN', `"${name}" is a server, and no database`, {
    hint: `Name a database on it: ${name}.DATABASE. \`backupdata list ${name}\` shows those that have backups.`,
  });
}

function fail(error: BackupDataError): never {
  throw error;
}
