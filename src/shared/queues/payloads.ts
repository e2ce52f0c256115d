import { z } from 'zod';
import { BackupDataError } from '../errors.ts';
import { isBackupId, isDatabaseName, isName } from '../ids.ts';
import { verifyLevels } from '../verification.ts';
import type { Enqueued } from './enqueued.ts';
import { runEventSchema } from './run-event.ts';

/** What jobs hold: names and ids, never a connection or a secret. */
const databaseName = z.string().refine(isDatabaseName);
const name = z.string().refine(isName);
const backupId = z.string().refine(isBackupId);
const fingerprint = z.string().regex(/^[0-9a-f]{64}$/);

const trigger = z.strictObject({
  kind: z.enum(['manual', 'schedule']),
  slot: z.iso.datetime({ precision: 3 }).optional(),
});

const backup = z.strictObject({ backupId, database: databaseName, source: fingerprint, trigger });

/** Looks which databases a server has, and enqueues a run of each with the same trigger. */
const discover = z.strictObject({ server: name, source: fingerprint, trigger });

const restore = z.strictObject({
  backupId,
  /** Where the backup is, in the order in which they are tried. */
  storages: z.array(databaseName).min(1),
  /** The configured database whose server is restored to, and the database (or the file) there; its own when null. */
  database: databaseName,
  targetDatabase: z.string().min(1).max(4_096).nullable(),
  source: fingerprint,
  options: z.strictObject({
    create: z.boolean(),
    tables: z.array(z.string()),
    globals: z.boolean(),
    noOwner: z.boolean(),
    keepOld: z.boolean().default(false),
    confirm: z.string().nullable(),
  }),
});

const verify = z.strictObject({
  backupId,
  storage: databaseName,
  database: databaseName,
  level: z.enum(verifyLevels),
  /** For level restore: the configured database on whose server the drill is held, and its fingerprint. */
  target: z.strictObject({ database: databaseName, source: fingerprint }).nullable(),
  /** Follows a commit: it is proven as far as this worker can without a private key, and what retention retires goes afterwards. */
  followUp: z.boolean(),
});

/** The catalog's copy of one backup in another storage. */
const copy = z.strictObject({ backupId, database: databaseName, from: databaseName, to: databaseName });

const prune = z.strictObject({
  database: databaseName,
  /** Whether backups are retired by the retention, or only what is left of dead attempts and retired backups is swept. */
  retire: z.boolean(),
  /** Only there; in every storage of the database when it is not given. */
  storage: databaseName.optional(),
  /** Whether backups of another source than the newest good one's are retired too. */
  allSources: z.boolean().optional(),
  /** What a preview was made by; the worker's own configuration decides when it is not given. */
  policy: fingerprint.optional(),
});

/** Something of a database, or of every one of a server, is due; its slot is in the job's options. */
const tick = z.strictObject({ kind: z.enum(['backup', 'verify']), database: databaseName });

/** Tells one notifier of one event. */
const notify = z.strictObject({ notifier: name, event: runEventSchema });

const schemas = { backup, discover, restore, verify, copy, prune, tick, notify } as const;

export type JobName = keyof typeof schemas;
export type Payload<Name extends JobName> = z.output<(typeof schemas)[Name]>;

/** Reads a job's data. PAYLOAD_INVALID when it does not parse: no retry can mend it. */
export function parsePayload<Name extends JobName>(name: Name, data: unknown): Payload<Name> {
  const parsed = schemas[name].safeParse(data);
  if (parsed.success) return parsed.data as Payload<Name>;
  const issue = parsed.error.issues[0];
  throw new BackupDataError(
    'PAYLOAD_INVALID',
    `the ${name} job cannot be read: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    {
      hint: 'Producer and workers may be of different releases; upgrade the older one.',
    },
  );
}

/** What a job returns, and keeps: ids and counts. */
export interface BackupResult {
  backupId: string;
  attemptId: string;
  bytes: number;
  /** Milliseconds. */
  duration: number;
}

export interface DiscoverResult {
  /** The runs that were enqueued, or joined. */
  runs: readonly ({ database: string } & Enqueued)[];
  /** Databases of the catalog that the server no longer has. */
  vanished: readonly string[];
}

export interface RestoreResult {
  backupId: string;
  notes: readonly string[];
  duration: number;
}

export interface VerifyResult {
  backupId: string;
  level: string;
  seconds: number;
}

export interface CopyResult {
  backupId: string;
  storage: string;
  /** Stored bytes of the volumes that were missing there; 0 when all were there already. */
  bytes: number;
  duration: number;
}

export interface PruneResult {
  retired: readonly { backupId: string; storage: string }[];
  /** Objects and unfinished uploads that were swept. */
  removed: number;
}
