import type { JobsOptions } from 'bullmq';
import type { QueueConfig } from '../config/schema.ts';

const day = 86_400;

/** Finished jobs are kept for people to look at; the catalog, not Redis, is the record. */
const kept = {
  removeOnComplete: { age: 7 * day, count: 2_000 },
  removeOnFail: { age: 30 * day, count: 2_000 },
  keepLogs: 100,
  // Where it failed is in the log of the worker; a job is looked at by people who did not write it.
  stackTraceLimit: 0,
};

/** At most this many starts of one job, however they ended: a backstop, because hand-offs count as starts too. */
export const maxStartedAttempts = 50;

/** One run of a database at a time; one that is asked for meanwhile becomes its successor. */
export function backupOptions(options: {
  backupId: string;
  database: string;
  queue: QueueConfig;
}): JobsOptions {
  return {
    ...kept,
    jobId: options.backupId,
    attempts: options.queue.attempts,
    backoff: { type: 'capped' },
    deduplication: { id: options.database, keepLastIfActive: true },
  };
}

/** One look at a server at a time, as one run of a database. */
export function discoverOptions(options: { jobId: string; server: string; queue: QueueConfig }): JobsOptions {
  return {
    ...kept,
    jobId: options.jobId,
    attempts: options.queue.attempts,
    backoff: { type: 'capped' },
    deduplication: { id: discoverKey(options.server), keepLastIfActive: true },
  };
}

/** Of a server's discover jobs, what the name of a database is of its runs: one at a time. No database is called so. */
export function discoverKey(server: string): string {
  return `discover:${server}`;
}

/** Never started twice: a restore that lost its worker may have left half a database behind. */
export function restoreOptions(jobId: string): JobsOptions {
  return { ...kept, jobId, attempts: 1 };
}

export function maintenanceOptions(options: { jobId: string; queue: QueueConfig }): JobsOptions {
  return { ...kept, jobId: options.jobId, attempts: options.queue.attempts, backoff: { type: 'capped' } };
}

/** A notification has attempts of its own: what becomes of it never touches a run. */
export function notifyOptions(jobId: string): JobsOptions {
  return { ...kept, jobId, attempts: 8, backoff: { type: 'capped' } };
}

/** What a schedule emits. */
export function tickOptions(queue: QueueConfig) {
  return { ...kept, attempts: queue.attempts, backoff: { type: 'capped' } };
}

/** Milliseconds before the next attempt: doubling from `initial`, at most `max`, less up to a quarter at random. */
export function retryDelay(attemptsMade: number, { backoff }: QueueConfig, random: () => number): number {
  const full = Math.min(backoff.initial * 2 ** Math.max(0, attemptsMade - 1), backoff.max);
  return Math.round(full * (1 - random() / 4));
}
