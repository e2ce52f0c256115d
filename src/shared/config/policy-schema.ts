import { z } from 'zod';
import { isAgeIdentity, isAgeRecipient } from '../age-keys.ts';
import { Secret } from '../secret.ts';
import { verifyLevels } from '../verification.ts';
import { age, bytes, databaseName, duration, limit, name, programLine, text, timeZone } from './values.ts';

const mebibyte = 1_048_576;

const compression = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('zstd'), level: z.int().min(1).max(19).default(1) }),
  z.strictObject({ type: z.literal('gzip'), level: z.int().min(1).max(9).default(6) }),
  z.strictObject({ type: z.literal('none') }),
]);

const recipient = text.refine(isAgeRecipient, {
  message: 'not an age recipient; write the public key that `backupdata keygen` prints: age1…',
});

const encryption = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('age'), recipients: z.array(recipient).min(1) }),
  z.strictObject({ type: z.literal('none') }),
]);

const count = z.int().min(0).default(0);

const retention = z
  .strictObject({
    last: count,
    hourly: count,
    daily: count,
    weekly: count,
    monthly: count,
    yearly: count,
    within: age.optional(),
  })
  .refine(
    ({ within, ...counts }) => within !== undefined || Object.values(counts).some((number) => number > 0),
    {
      message: 'keeps nothing; give at least one of last, hourly, daily, weekly, monthly, yearly and within',
    },
  );

/** A storage's name, or with a retention of its own. */
const copy = z.union([name, z.strictObject({ storage: name, retention: retention.optional() })]);

/** Of several lines where that reads better. */
const sqlQuery = z.string().refine((query) => query.trim() !== '', { message: 'must not be empty' });

const verify = z.strictObject({
  level: z.enum(verifyLevels).default('decode'),
  /** Five fields of cron, in the database's time zone: at each, one backup is proven. */
  schedule: text.optional(),
  /** For level restore: the configured database on whose server the scratch database is made. */
  target: databaseName.optional(),
  /** `exact`: rows are counted on the dump's own snapshot, and compared by level restore. */
  counts: z.enum(['none', 'exact']).default('none'),
  /** For level restore: queries whose first column must be true in the scratch database. */
  assertions: z.array(sqlQuery).default([]),
});

/** Stored bytes against the median of the last backups: so many times as large, or as small, is unusual. */
const sizeAnomaly = z.strictObject({
  factor: z.number().gt(1).default(3),
  last: z.int().min(1).max(50).default(5),
  action: z.enum(['off', 'warn', 'fail']).default('warn'),
});

/** What `defaults` may set and each database may override. */
export const policy = {
  storage: name.optional(),
  copies: z.array(copy).optional(),
  compression: compression.optional(),
  encryption: encryption.optional(),
  retention: retention.optional(),
  timezone: timeZone.optional(),
  /** Five fields of cron, in the database's time zone: at each slot it is backed up. */
  schedule: text.optional(),
  /** Each database's slots are put off by a time of its own, of up to this. */
  spread: duration.optional(),
  /** Of slots that nothing could run in time, whether the newest is run late. */
  missed: z.enum(['run-once', 'skip']).optional(),
  /** Stale is a database whose newest backup is older. */
  maxAge: age.refine((milliseconds) => milliseconds > 0, { message: 'must be more than 0' }).optional(),
  sizeAnomaly: sizeAnomaly.optional(),
  /** Who hears of it; every notifier where nothing is said. */
  notify: z.array(name).optional(),
  verify: verify.optional(),
  pool: name.optional(),
  maxDuration: limit.optional(),
  volumeSize: bytes.refine((size) => size >= mebibyte, { message: 'must be at least 1MiB' }).optional(),
  /** An empty list runs none where the defaults name one. */
  before: programLine.optional(),
  after: programLine.optional(),
  nice: z.int().min(0).max(19).optional(),
};

/** A file of `age-keygen`: one secret key a line, with comments. */
export const identities = z
  .array(
    z
      .string()
      .refine((file) => identitiesIn(file).length > 0 && identitiesIn(file).every(isAgeIdentity), {
        message: 'not an age identity; write ${file:PATH} of a file that `backupdata keygen` made',
      })
      .transform((file) => identitiesIn(file).map((identity) => new Secret(identity))),
  )
  .default([]);

export type CompressionConfig = z.output<typeof compression>;
export type EncryptionConfig = z.output<typeof encryption>;
/** Numbers of backups; `within` in milliseconds. */
export type RetentionConfig = z.output<typeof retention>;
export type VerifyConfig = z.output<typeof verify>;
export type SizeAnomalyConfig = z.output<typeof sizeAnomaly>;
export type CopyConfig = z.output<typeof copy>;

function identitiesIn(file: string): string[] {
  return file
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
