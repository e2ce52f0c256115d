import { z } from 'zod';
import { type ErrorCode, isErrorCode } from '../../shared/errors.ts';
import { isDatabaseName } from '../../shared/ids.ts';
import { progressSchema } from '../../shared/queues/progress.ts';
import { verifyLevels } from '../../shared/verification.ts';

/** What operations answer with. Times are RFC 3339 UTC, sizes bytes and durations milliseconds, where nothing else is said. */

/** Of a database, a server or a storage. */
export const nameSchema = z.string().refine(isDatabaseName, {
  message: 'not a name of the configuration; write NAME, or SERVER.NAME for a database of a server',
});

const timeSchema = z.iso.datetime();
const count = z.int().min(0);

export const errorSchema = z.object({
  code: z
    .custom<ErrorCode>((code) => typeof code === 'string' && isErrorCode(code))
    .meta({
      type: 'string',
      description: 'Stable; the same as the command line’s',
    }),
  message: z.string(),
  hint: z.string().nullable().default(null),
  retryable: z.boolean().meta({ description: 'Whether trying the same again can help' }),
});

export const databaseSchema = z.object({
  name: z.string(),
  kind: z.enum(['database', 'server']).meta({ description: 'Of a server every database is backed up' }),
  engine: z.string(),
  storage: z.string(),
  pool: z.string(),
  schedule: z.string().nullable().default(null).meta({ description: 'Cron, in the time zone' }),
  timezone: z.string(),
});

export const backupSchema = z.object({
  backupId: z.string(),
  database: z.string(),
  engine: z.string().nullable().default(null),
  startedAt: timeSchema.nullable().default(null),
  finishedAt: timeSchema.nullable().default(null),
  bytes: count.nullable().default(null).meta({ description: 'Stored bytes' }),
  storage: z.string(),
  verification: z
    .string()
    .meta({ description: 'In a few words: unverified, decoded, restored in 12s, FAILED' }),
  pinned: z.boolean(),
  problem: errorSchema.nullable().default(null).meta({ description: 'Why its manifest cannot be trusted' }),
});

export const verificationSchema = z.object({
  at: timeSchema,
  level: z.enum(verifyLevels),
  outcome: z.enum(['ok', 'failed']),
  seconds: count,
});

export const copySchema = z.object({
  storage: z.string(),
  state: z.enum(['copied', 'waiting', 'copying', 'failed', 'missing', 'unknown']),
  verification: z.string().nullable().default(null),
  error: errorSchema.optional(),
  progress: progressSchema.optional(),
});

/** How a request was taken: as a job of its own, as one that follows the active one, or by one that waits already. */
export const takenAs = z.enum(['new', 'successor', 'joined']);

export const enqueuedSchema = z.object({ jobId: z.string(), as: takenAs });

const run = z.object({ database: z.string(), jobId: z.string(), as: takenAs });
const retired = z.object({ backupId: z.string(), storage: z.string() });

/** What a job gave, by its kind. */
export const resultSchemas = {
  backup: z.object({ backupId: z.string(), attemptId: z.string(), bytes: count, duration: count }),
  discover: z.object({ runs: z.array(run), vanished: z.array(z.string()) }),
  restore: z.object({ backupId: z.string(), notes: z.array(z.string()), duration: count }),
  verify: z.object({ backupId: z.string(), level: z.string(), seconds: count }),
  copy: z.object({ backupId: z.string(), storage: z.string(), bytes: count, duration: count }),
  prune: z.object({ retired: z.array(retired), removed: count }),
} as const;

const result = z.union(Object.values(resultSchemas)).nullable().default(null);

export const jobStates = [
  'active',
  'waiting',
  'delayed',
  'behind',
  'failed',
  'completed',
  'unknown',
] as const;

export const jobSchema = z.object({
  id: z.string(),
  queue: z.string(),
  name: z.string().meta({ description: 'backup, discover, restore, verify, copy or prune' }),
  state: z
    .enum(jobStates)
    .meta({ description: 'behind: it starts when the active run of its database ends' }),
  database: z.string().nullable().default(null),
  backupId: z.string().nullable().default(null),
  attempts: count,
  createdAt: timeSchema,
  startedAt: timeSchema.nullable().default(null),
  finishedAt: timeSchema.nullable().default(null),
  progress: progressSchema.nullable().default(null),
  error: errorSchema.nullable().default(null),
  result,
});

/** What is known of a followed job at one moment. The last one has the state `completed` or `failed`. */
export const updateSchema = z.object({
  jobId: z.string().meta({ description: 'Another than was asked for where a later run took its place' }),
  name: z.string(),
  state: z.enum(['behind', 'waiting', 'delayed', 'active', 'reconnecting', 'completed', 'failed']),
  attempt: count.meta({ description: 'How often it was started' }),
  progress: progressSchema.nullable().default(null),
  lastFailure: errorSchema
    .nullable()
    .default(null)
    .meta({ description: 'Why the last attempt failed, while the next waits' }),
  hasWorker: z.boolean().meta({ description: 'Whether any worker takes jobs of its queue' }),
  error: errorSchema.nullable().default(null).meta({ description: 'Why it failed' }),
  result,
});

export const scheduleSchema = z.object({
  name: z.string(),
  kind: z.enum(['backup', 'verify']),
  expression: z.string(),
  words: z.string(),
  timezone: z.string(),
  delay: count.meta({ description: 'Milliseconds by which its slots are put off' }),
  next: z.array(timeSchema),
  last: timeSchema.nullable().default(null),
  problem: z.string().nullable().default(null),
  state: z.enum(['idle', 'paused', 'waiting', 'running', 'retrying']),
  paused: z.object({ by: z.string(), at: z.string() }).nullable().default(null),
  missed: count,
});

const decisionSchema = z.object({
  backupId: z.string(),
  at: timeSchema,
  bytes: count.nullable().default(null),
  decision: z.enum(['keep', 'retire']),
  reasons: z.array(z.string()),
});

export const previewSchema = z.object({
  database: z.string(),
  storage: z.string(),
  note: z
    .string()
    .nullable()
    .default(null)
    .meta({ description: 'Why nothing is retired there, whatever there is' }),
  decisions: z.array(decisionSchema),
});

export type DatabaseDocument = z.output<typeof databaseSchema>;
export type BackupDocument = z.output<typeof backupSchema>;
export type CopyDocument = z.output<typeof copySchema>;
export type JobDocument = z.output<typeof jobSchema>;
export type JobUpdate = z.output<typeof updateSchema>;
export type ScheduleDocument = z.output<typeof scheduleSchema>;
export type PreviewDocument = z.output<typeof previewSchema>;
