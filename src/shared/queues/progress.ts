import { z } from 'zod';

export const progressSchema = z.object({
  /** What the job is doing, in one word: `discover`, `inspect`, `dump`, `commit`, `check`, `prepare`, `restore`, `compare`, `verify`, `copy`, `prune`, `configuration`. */
  phase: z.string(),
  /** Since when, RFC 3339. */
  since: z.string(),
  attempt: z.int(),
  attemptId: z.string().nullable().default(null),
  /** Stored bytes handled so far. */
  bytes: z.number(),
  bytesPerSecond: z.number(),
  /** What `bytes` will be about, from the database's last backup; null when nothing is known. */
  expectedBytes: z.number().nullable().default(null),
});

/** What a running job tells of itself, at most once a second. */
export type Progress = z.output<typeof progressSchema>;

export function parseProgress(value: unknown): Progress | undefined {
  return progressSchema.safeParse(value).data;
}
