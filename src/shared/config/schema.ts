import { z } from 'zod';
import { Secret } from '../secret.ts';
import {
  type CompressionConfig,
  type EncryptionConfig,
  identities,
  policy,
  type RetentionConfig,
  type VerifyConfig,
} from './policy-schema.ts';
import { type StorageConfig, storagesSchema } from './storage-schema.ts';
import { duration, limit, name, text } from './values.ts';

const postgresUrl = text
  .refine((url) => /^postgres(ql)?:$/.test(protocolOf(url) ?? ''), {
    message: 'not a PostgreSQL URL; write postgres://USER:PASSWORD@HOST:PORT/DATABASE',
  })
  .refine(canBeDecoded, { message: 'has a "%" that begins no escape; write %25 for a plain "%"' })
  .transform((value) => new Secret(value));

const postgresDatabase = z.strictObject({ engine: z.literal('postgres'), url: postgresUrl, ...policy });

/** The configuration file. Strict: an unknown key is an error, because a misspelt one would be a backup that is not made. */
export const fileSchema = z.strictObject({
  installation: name.optional(),
  storages: storagesSchema,
  identities,
  defaults: z.strictObject(policy).default({}),
  databases: z.record(name, z.discriminatedUnion('engine', [postgresDatabase])),
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
export type TimeoutConfig = ConfigFile['timeouts'];

/** Another storage that each backup is copied to, and how long it keeps them. */
export interface CopyTarget {
  storage: string;
  retention: RetentionConfig | null;
}

/** A database with the defaults applied. Sizes in bytes, times in milliseconds. */
export interface DatabaseConfig {
  name: string;
  engine: 'postgres';
  url: Secret;
  storage: string;
  copies: readonly CopyTarget[];
  compression: CompressionConfig;
  encryption: EncryptionConfig;
  /** Null keeps every backup. */
  retention: RetentionConfig | null;
  /** IANA; the days, weeks and months of the retention, and the schedules, are this zone's. */
  timezone: string;
  verify: VerifyConfig;
  pool: string;
  maxDuration: number;
  volumeSize: number;
}

/** The whole configuration, checked: every name that it uses exists. */
export interface Config {
  /** Where it came from, for messages: a file's path, or `environment`. */
  origin: string;
  installation: string;
  storages: ReadonlyMap<string, StorageConfig>;
  databases: ReadonlyMap<string, DatabaseConfig>;
  /** Secret keys of age, one each; only where restores run. */
  identities: readonly Secret[];
  queue: QueueConfig;
  timeouts: TimeoutConfig;
  /** Directories searched for native tools instead of PATH and the usual places, when given. */
  toolPath: readonly string[] | undefined;
  /** Every secret value that it holds, for redaction by value. */
  secrets: readonly string[];
}

function protocolOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).protocol : undefined;
}

function canBeDecoded(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}
