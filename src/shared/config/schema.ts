import { z } from 'zod';
import { isDatabaseName } from '../ids.ts';
import { Secret } from '../secret.ts';
import { parseBytes, parseDuration } from './units.ts';

/** The longest time that a timer of Node keeps; a longer one would fire at once. */
const longestTimer = 2_147_483_647;

const mebibyte = 1_048_576;

/** `10s`, `5m`, `26h`, `14d`, or a number of milliseconds; milliseconds once parsed. */
const duration = z.union([z.string(), z.number()]).transform((value, context) => {
  const milliseconds = parseDuration(value);
  if (milliseconds !== undefined && milliseconds <= longestTimer) return milliseconds;
  const message =
    milliseconds === undefined ? 'not a duration; write 500ms, 10s, 5m, 26h or 14d' : 'must be at most 24d';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** A duration that ends something, so that none of it would end it at once. */
const limit = duration.refine((milliseconds) => milliseconds > 0, { message: 'must be more than 0' });

/** `64GiB`, `8MiB`, `500MB`, or a number of bytes; bytes once parsed. */
const bytes = z.union([z.string(), z.number()]).transform((value, context) => {
  const count = parseBytes(value);
  if (count !== undefined) return count;
  context.addIssue({ code: 'custom', message: 'not a size; write 64GiB, 8MiB or a number of bytes' });
  return z.NEVER;
});

const name = z.string().refine(isDatabaseName, {
  message: 'not a valid name; use a-z, 0-9, "_", "." and "-", at most 63, starting with a letter or digit',
});

/** A line break in a path or URL comes from a file with one line too many, and some programs would drop it silently. */
const text = z
  .string()
  .min(1)
  .refine((value) => !/\p{Cc}/u.test(value), {
    message: 'has a line break or another control character in it',
  });

const postgresUrl = text
  .refine((url) => /^postgres(ql)?:$/.test(protocolOf(url) ?? ''), {
    message: 'not a PostgreSQL URL; write postgres://USER:PASSWORD@HOST:PORT/DATABASE',
  })
  .refine(canBeDecoded, { message: 'has a "%" that begins no escape; write %25 for a plain "%"' })
  .transform((value) => new Secret(value));

const compression = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('zstd'), level: z.int().min(1).max(19).default(1) }),
  z.strictObject({ type: z.literal('gzip'), level: z.int().min(1).max(9).default(6) }),
  z.strictObject({ type: z.literal('none') }),
]);

const localStorage = z.strictObject({ type: z.literal('local'), path: text });

/** What `defaults` may set and each database may override. */
const policy = {
  storage: name.optional(),
  compression: compression.optional(),
  pool: name.optional(),
  maxDuration: limit.optional(),
  volumeSize: bytes.refine((count) => count >= mebibyte, { message: 'must be at least 1MiB' }).optional(),
};

const postgresDatabase = z.strictObject({ engine: z.literal('postgres'), url: postgresUrl, ...policy });

/** The configuration file. Strict: an unknown key is an error, because a misspelt one would be a backup that is not made. */
export const fileSchema = z.strictObject({
  installation: name.optional(),
  storages: z
    .record(name, z.discriminatedUnion('type', [localStorage]))
    .refine((all) => Object.keys(all).length > 0, { message: 'needs at least one storage' }),
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
      drain: duration.default(25_000),
    })
    .prefault({}),
  tools: z.strictObject({ path: z.array(text).min(1).optional() }).prefault({}),
});

export type ConfigFile = z.output<typeof fileSchema>;
export type StorageConfig = ConfigFile['storages'][string];
export type CompressionConfig = z.output<typeof compression>;
export type QueueConfig = ConfigFile['queue'];
export type TimeoutConfig = ConfigFile['timeouts'];

/** A database with the defaults applied. Sizes in bytes, times in milliseconds. */
export interface DatabaseConfig {
  name: string;
  engine: 'postgres';
  url: Secret;
  storage: string;
  compression: CompressionConfig;
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
