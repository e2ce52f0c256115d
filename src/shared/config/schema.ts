import { z } from 'zod';
import type { Secret } from '../secret.ts';
import { apiSchema, auditSchema, authSchema, grpcSchema, type TokenConfig } from './access-schema.ts';
import { type NotifierConfig, notifierSchema } from './notifier-schema.ts';
import {
  type CompressionConfig,
  type EncryptionConfig,
  identities,
  policy,
  type RetentionConfig,
  type SizeAnomalyConfig,
  type VerifyConfig,
} from './policy-schema.ts';
import {
  type Discovery,
  type ServerEngine,
  type Source,
  type SourceOf,
  sourceSchemas,
} from './source-schema.ts';
import { type StorageConfig, storagesSchema } from './storage-schema.ts';
import { duration, httpAddress, limit, name, text } from './values.ts';

export type { EngineName, Source, SourceOf } from './source-schema.ts';

const [postgres, mysql, mariadb, sqlite, redis, command] = sourceSchemas;

const database = z.discriminatedUnion('engine', [
  postgres.extend(policy),
  mysql.extend(policy),
  mariadb.extend(policy),
  sqlite.extend(policy),
  redis.extend(policy),
  command.extend(policy),
]);

/** The configuration file. Strict: an unknown key is an error, because a misspelt one would be a backup that is not made. */
export const fileSchema = z.strictObject({
  installation: name.optional(),
  storages: storagesSchema,
  identities,
  defaults: z.strictObject(policy).default({}),
  databases: z.record(name, database),
  notifiers: z.record(name, notifierSchema).default({}),
  /** Where people reach the console; notifications link to it. */
  publicUrl: httpAddress.nullable().default(null),
  auth: authSchema,
  audit: auditSchema,
  api: apiSchema,
  grpc: grpcSchema,
  queue: z
    .strictObject({
      lockDuration: limit.default(60_000),
      stalledInterval: limit.default(15_000),
      maxStalledCount: z.int().min(0).default(2),
      attempts: z.int().min(1).default(6),
      backoff: z
        .strictObject({ initial: duration.default(30_000), max: duration.default(480_000) })
        .prefault({}),
      drift: z
        .strictObject({ retry: duration.default(30_000), giveUp: duration.default(600_000) })
        .prefault({}),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      connect: limit.default(10_000),
      noBytes: limit.default(1_800_000),
      request: limit.default(60_000),
      drain: duration.default(25_000),
    })
    .prefault({}),
  tools: z.strictObject({ path: z.array(text).min(1).optional() }).prefault({}),
});

export type ConfigFile = z.output<typeof fileSchema>;
export type QueueConfig = ConfigFile['queue'];
export type ApiConfig = ConfigFile['api'];
export type TimeoutConfig = ConfigFile['timeouts'];

/** Another storage that each backup is copied to, and how long it keeps them. */
export interface CopyTarget {
  storage: string;
  retention: RetentionConfig | null;
}

/** What holds for a database of any engine, with the defaults applied. Sizes in bytes, times in milliseconds. */
export interface DatabasePolicy {
  name: string;
  storage: string;
  copies: readonly CopyTarget[];
  compression: CompressionConfig;
  encryption: EncryptionConfig;
  /** Null keeps every backup. */
  retention: RetentionConfig | null;
  /** IANA; the days, weeks and months of the retention, and the schedules, are this zone's. */
  timezone: string;
  /** Five fields of cron; null runs only when asked for. */
  schedule: string | null;
  spread: number;
  missed: 'run-once' | 'skip';
  /** Null where nothing was said: then it follows from the schedule, if there is one. */
  maxAge: number | null;
  sizeAnomaly: SizeAnomalyConfig;
  /** Names of notifiers. */
  notify: readonly string[];
  verify: VerifyConfig;
  pool: string;
  maxDuration: number;
  volumeSize: number;
  /** A program and its arguments, run before a dump; when it fails, so does the run. Null for none. */
  before: readonly string[] | null;
  /** A program and its arguments, run after a run, however that ended. Null for none. */
  after: readonly string[] | null;
  /** Of the programs of a run: 0 as any other, 19 only when nothing else wants the processor. */
  nice: number;
}

/** A database, with the defaults applied. */
export type DatabaseConfig = DatabasePolicy & Source;

/** A server whose databases are found by asking it; each is named `SERVER.DATABASE`. */
export interface ServerConfig extends Omit<Discovery, 'url'> {
  /** The database that the URL names, under the server's name; its databases are made of it by `databaseOn`. */
  template: DatabasePolicy & SourceOf<ServerEngine>;
}

/** Files in PEM. */
export interface TlsFiles {
  certificate: string;
  key: string;
  /** Whose certificates clients must have; null where they need none. */
  clientAuthority: string | null;
}

/** The whole configuration, checked: every name that it uses exists. */
export interface Config {
  /** Where it came from, for messages: a file's path, or `environment`. */
  origin: string;
  installation: string;
  storages: ReadonlyMap<string, StorageConfig>;
  databases: ReadonlyMap<string, DatabaseConfig>;
  /** By name; `findDatabase` knows the databases on them. */
  servers: ReadonlyMap<string, ServerConfig>;
  notifiers: ReadonlyMap<string, NotifierConfig>;
  /** Without a slash at its end; null where nobody said. */
  publicUrl: string | null;
  auth: { tokens: readonly TokenConfig[] };
  /** The file that takes the audit log; null for none. */
  audit: { file: string | null };
  api: ApiConfig;
  grpc: { tls: TlsFiles | null };
  /** Secret keys of age, one each; only where restores run. */
  identities: readonly Secret[];
  queue: QueueConfig;
  timeouts: TimeoutConfig;
  /** Directories searched for native tools instead of PATH and the usual places, when given. */
  toolPath: readonly string[] | undefined;
  /** Every secret value that it holds, for redaction by value. */
  secrets: readonly string[];
}
