import { z } from 'zod';
import type { Role } from '../../shared/config/access-schema.ts';
import { manifestSchema } from '../../shared/manifest.ts';
import { verifyLevels } from '../../shared/verification.ts';
import {
  backupSchema,
  copySchema,
  databaseSchema,
  enqueuedSchema,
  errorSchema,
  type JobUpdate,
  jobSchema,
  nameSchema,
  previewSchema,
  scheduleSchema,
  takenAs,
  verificationSchema,
} from './documents.ts';

/** A backup id, or a database's name for its latest. */
const backup = z
  .string()
  .min(1)
  .max(160)
  .regex(/^[a-z0-9][A-Za-z0-9_.~-]*$/, {
    message: 'neither a backup id nor a name of the configuration',
  });
const jobId = z
  .string()
  .min(1)
  .max(300)
  .regex(/^[a-z0-9][A-Za-z0-9_.~-]*$/, { message: 'not the id of a job' });
/** Printable; of an object in a database, or of a database on a server, which may be called anything. */
const text = z
  .string()
  .min(1)
  .max(4_096)
  .refine((value) => !/\p{Cc}/u.test(value), { message: 'has a control character in it' });

const page = {
  limit: z.int().min(1).max(1_000).optional().meta({ description: 'At most that many' }),
  after: z.string().max(600).optional().meta({ description: 'The `next` of the page before' }),
};
const next = z
  .string()
  .nullable()
  .default(null)
  .meta({ description: 'Asks for the page that follows; null on the last' });

const failures = z
  .array(errorSchema)
  .meta({ description: 'What could not be read; the rest is there all the same' });
const warnings = z.array(z.string());
/** In the order of a list of jobs. */
export const listedStates = ['active', 'waiting', 'delayed', 'failed', 'completed'] as const;

const pinned = {
  backupId: z.string(),
  pinned: z.boolean(),
  storages: z.array(z.string()).meta({ description: 'Those that hold it' }),
  changed: z.boolean(),
  failures,
};
const prunes = {
  database: nameSchema.optional(),
  storage: nameSchema.optional(),
  allSources: z
    .boolean()
    .default(false)
    .meta({ description: 'Also backups of servers that the database was on before' }),
};
const oneJob = z.strictObject({ jobId });
const oneBackup = z.strictObject({ backup, storage: nameSchema.optional() });
const names = z.array(nameSchema).max(1_000).optional();
const oneName = z.strictObject({ name: nameSchema.meta({ description: 'Of a database, or of a server' }) });

/**
 * Every operation of the service: what it is asked with, what it answers, and which role it takes. The faces (REST, gRPC, the
 * command line) only translate. Answers never hold a secret.
 */
export const contract = {
  listDatabases: operation(
    'viewer',
    { names: names.meta({ description: 'Only these; all of the configuration when left out' }), ...page },
    { databases: z.array(databaseSchema), next },
  ),
  listBackups: operation(
    'viewer',
    {
      database: nameSchema
        .optional()
        .meta({ description: 'Only of this database, or of the databases of this server' }),
      storage: nameSchema.optional().meta({ description: 'Only what this storage holds' }),
      ...page,
    },
    { backups: z.array(backupSchema), failures, next },
  ),
  showBackup: operation('viewer', oneBackup.shape, {
    manifest: manifestSchema,
    storage: z.string(),
    copies: z.array(copySchema),
    verifications: z.array(verificationSchema),
    pinned: z.boolean(),
    warnings,
  }),
  pinBackup: operation('operator', { backup }, pinned),
  unpinBackup: operation('admin', { backup }, pinned),
  backup: operation(
    'operator',
    { database: nameSchema.meta({ description: 'A database, or a server for all of its databases' }) },
    { ...enqueuedSchema.shape, database: z.string(), kind: z.enum(['backup', 'discover']) },
  ),
  restore: operation(
    'admin',
    {
      ...oneBackup.shape,
      database: nameSchema.meta({ description: 'The configured database whose server is restored to' }),
      targetDatabase: text
        .optional()
        .meta({ description: 'The database there, or the file; its own when left out' }),
      create: z
        .boolean()
        .default(false)
        .meta({ description: 'Make it; it is dropped again if the restore fails' }),
      tables: z.array(text).max(1_000).default([]).meta({ description: 'Only these, as SCHEMA.NAME' }),
      globals: z.boolean().default(false).meta({ description: 'Make the roles that the server lacks' }),
      noOwner: z.boolean().default(false).meta({ description: 'Leave ownership out' }),
      keepOld: z
        .boolean()
        .default(false)
        .meta({ description: 'Where a file is replaced, keep the old one beside it' }),
      confirm: text.optional().meta({ description: 'The name of the target, to restore over what is there' }),
    },
    { jobId: z.string(), backupId: z.string(), warnings },
  ),
  verify: operation(
    'operator',
    {
      ...oneBackup.shape,
      level: z.enum(verifyLevels).default('decode'),
      target: nameSchema
        .optional()
        .meta({ description: 'For level restore: on whose server the drill is held' }),
    },
    { jobId: z.string(), backupId: z.string(), warnings },
  ),
  copy: operation(
    'operator',
    { ...oneBackup.shape, to: nameSchema.meta({ description: 'The storage that gets the copy' }) },
    { jobId: z.string(), as: takenAs, backupId: z.string(), warnings },
  ),
  previewPrune: operation('viewer', prunes, { databases: z.array(previewSchema), warnings, failures }),
  prune: operation('admin', prunes, {
    jobs: z.array(z.object({ database: z.string(), jobId: z.string() })),
    warnings,
    failures,
  }),
  listSchedules: operation('viewer', { names, ...page }, { schedules: z.array(scheduleSchema), next }),
  runSchedule: operation('operator', oneName.shape, { ...enqueuedSchema.shape, database: z.string() }),
  pauseSchedule: operation('admin', oneName.shape, { name: z.string() }),
  resumeSchedule: operation('admin', oneName.shape, { name: z.string(), wasPaused: z.boolean() }),
  listJobs: operation(
    'viewer',
    { state: z.enum(listedStates).optional(), database: nameSchema.optional(), ...page },
    { jobs: z.array(jobSchema), next },
  ),
  showJob: operation('viewer', oneJob.shape, { job: jobSchema }),
  cancelJob: operation('operator', oneJob.shape, {
    jobId: z.string(),
    outcome: z.enum(['removed', 'told']).meta({ description: 'told: its worker ends it within seconds' }),
  }),
  retryJob: operation('admin', oneJob.shape, { ...enqueuedSchema.shape, retryOf: z.string() }),
} as const;

/** What it takes to follow a job. */
export const followRequest = oneJob;
export const followRole = 'viewer' satisfies Role;

export type OperationName = keyof typeof contract;
export type RequestOf<Name extends OperationName> = z.output<(typeof contract)[Name]['request']>;
export type ResponseOf<Name extends OperationName> = z.output<(typeof contract)[Name]['response']>;

/** One call: who asks, and until when. */
export interface Call {
  signal: AbortSignal;
  /** For records and cancelled jobs: a token's name, or the user at the command line. */
  by: string;
  /** Whether lists may tell the caller of a database, or a server, of that name. */
  sees: (database: string) => boolean;
  /** Whether it may name a file on a worker's machine by its path; else only in the folder of the configured database. */
  namesFiles?: boolean;
}

/**
 * What the product does, for whoever asks: here, or over a network. Each operation throws BackupDataError; REDIS_UNAVAILABLE at
 * once where it needs Redis, and that is away.
 */
export type Operations = {
  readonly [Name in OperationName]: (request: RequestOf<Name>, call: Call) => Promise<ResponseOf<Name>>;
} & {
  /**
   * What becomes of a job, to its end: an update whenever something changed. Leaving it does not touch the job. It throws only
   * where the job cannot be followed; one that fails has the state `failed`.
   */
  follow(request: { jobId: string }, call: Call): AsyncIterable<JobUpdate>;
};

function operation<Request extends z.ZodRawShape, Response extends z.ZodRawShape>(
  role: Role,
  request: Request,
  response: Response,
) {
  return { role, request: z.strictObject(request), response: z.object(response) };
}
