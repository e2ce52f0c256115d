import { z } from 'zod';
import { eventKinds } from '../config/notifier-schema.ts';
import { isBackupId, isDatabaseName, isName } from '../ids.ts';
import { verifyLevels } from '../verification.ts';

const time = z.iso.datetime({ precision: 3 });
const databaseName = z.string().refine(isDatabaseName);
const name = z.string().refine(isName);
const count = z.int().min(0);

/** Those that a configuration may ask for, and what only a ping of a health check, or a test by hand, is. */
export const runEventKinds = [...eventKinds, 'start', 'test'] as const;

/**
 * One thing that happened to a database, as notifiers are told of it and a webhook passes it on. It holds names, ids, counts
 * and the first lines of errors, never a connection or a secret. Sizes in bytes, times in RFC 3339 UTC.
 */
export const runEventSchema = z.strictObject({
  version: z.literal(1),
  /** The same for every notifier, and for every attempt to tell it. */
  id: z.string().regex(/^[A-Za-z0-9_.~-]{1,400}$/),
  kind: z.enum(runEventKinds),
  at: time,
  installation: name,
  database: databaseName,
  /** Where it lives, as `db.example.com:5432`, a path, or the engine's name; without credentials. */
  server: z.string(),
  /** What ran, and how often it was tried. */
  job: z.strictObject({ id: z.string(), name: z.string(), attempt: count, attempts: count }).nullable(),
  backup: z
    .strictObject({
      id: z.string().refine(isBackupId),
      bytes: count.nullable(),
      /** Stored bytes of the backup before. */
      previousBytes: count.nullable(),
      durationMs: count.nullable(),
      storage: name,
      copies: z.array(name),
      /** What the manifest says of what is unusual or not in it. */
      notes: z.array(z.string()),
    })
    .nullable(),
  verification: z.strictObject({ level: z.enum(verifyLevels), outcome: z.enum(['ok', 'failed']) }).nullable(),
  prune: z.strictObject({ retired: count, removed: count }).nullable(),
  /** Slots that no run of their own was made for, and the newest of them. */
  missed: z.strictObject({ slots: count, latest: time }).nullable(),
  stale: z.strictObject({ maxAgeMs: count, newestAt: time.nullable() }).nullable(),
  /** What is over, of a recovery. */
  incident: z.strictObject({ kind: z.enum(eventKinds), since: time }).nullable(),
  cause: z.strictObject({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  nextRun: time.nullable(),
  link: z.string().nullable(),
});

export type RunEvent = z.output<typeof runEventSchema>;
export type RunEventKind = RunEvent['kind'];

/** What an event may be about: nothing, until it is said. */
export const aboutNothing = {
  job: null,
  backup: null,
  verification: null,
  prune: null,
  missed: null,
  stale: null,
  incident: null,
  cause: null,
  nextRun: null,
  link: null,
} satisfies Partial<RunEvent>;
