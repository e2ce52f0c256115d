import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { BackupDataError, fromFailedReason } from '../../shared/errors.ts';
import { timeOfBackup } from '../../shared/ids.ts';
import { successorOf } from '../../shared/queues/backup-job.ts';
import { failureOf } from '../../shared/queues/failure.ts';
import { cancelKey } from '../../shared/queues/names.ts';
import { type Progress, parseProgress } from '../../shared/queues/progress.ts';

export interface WatchOptions {
  redis: Redis;
  installation: string;
  queue: Queue;
  jobId: string;
  /** Of which only one is active at a time, because a successor's job does not exist yet: a run's database, or `discoverKey`. */
  onlyOne?: string | undefined;
  signal: AbortSignal;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** What is known of a job at one moment. */
export interface Update {
  jobId: string;
  /** `behind`: it starts when the active run of its database ends. */
  state: 'behind' | 'waiting' | 'delayed' | 'active' | 'reconnecting';
  /** How often it was started. */
  attempt: number;
  progress: Progress | undefined;
  /** Why the last attempt failed, while the next one waits. */
  lastFailure: BackupDataError | undefined;
  /** Whether any worker takes jobs of this queue. */
  hasWorker: boolean;
}

const interval = 250;
/** How long Redis may be away before a follower gives up; the job itself is not touched. */
const patience = 60_000;

/** How a job ended. */
type Ending = { jobId: string; attempt: number } & ({ result: unknown } | { failure: BackupDataError });

export type Watched = Update | Ending;

/**
 * Looks at a job again and again, until it has ended. It asks rather than listens, so nothing is missed while Redis is away;
 * after a minute of that REDIS_UNAVAILABLE is thrown, and the job goes on.
 */
export async function* watchJob(options: WatchOptions): AsyncGenerator<Watched> {
  let last: Watched = { jobId: options.jobId, ...nothingKnown };
  for (let heardAt = performance.now(); ; ) {
    try {
      last = await look(options, last.jobId);
      heardAt = performance.now();
    } catch (error) {
      if (error instanceof BackupDataError) throw error;
      if (performance.now() - heardAt > patience) throw lost(last.jobId, error);
      last = { jobId: last.jobId, ...nothingKnown, attempt: last.attempt };
    }
    yield last;
    if (!('state' in last)) return;
    await options.wait(interval, options.signal);
  }
}

const nothingKnown = {
  state: 'reconnecting',
  attempt: 0,
  progress: undefined,
  lastFailure: undefined,
  hasWorker: true,
} as const;

async function look(options: WatchOptions, jobId: string): Promise<Watched> {
  const { queue } = options;
  // In this order: a job that is read before its state may be that of an earlier moment, without its outcome.
  const state = await queue.getJobState(jobId);
  const job = await queue.getJob(jobId);
  if (!job) return lookBehind(options, jobId);
  const { attemptsStarted: attempt } = job;
  if (state === 'completed') return { jobId, attempt, result: job.returnvalue };
  if (state === 'failed') return { jobId, attempt, failure: failureOf(job) };
  const hasWorker = state === 'active' || (await queue.getWorkersCount()) > 0;
  const lastFailure =
    state === 'active' || !job.failedReason ? undefined : fromFailedReason(job.failedReason);
  const shown = state === 'active' || state === 'delayed' ? state : 'waiting';
  return { jobId, state: shown, attempt, progress: parseProgress(job.progress), lastFailure, hasWorker };
}

/** A run that waits behind an active one has no job yet; when a later request replaced it, that one is followed. */
async function lookBehind(options: WatchOptions, jobId: string): Promise<Watched> {
  const { redis, queue, onlyOne, installation } = options;
  const canceller = await redis.get(cancelKey(installation, jobId));
  if (canceller !== null) {
    const failure = new BackupDataError('CANCELLED', `cancelled by ${canceller} before it started`);
    return { jobId, attempt: 0, failure };
  }
  const next =
    onlyOne === undefined
      ? undefined
      : ((await successorOf(redis, queue, onlyOne)) ?? (await laterRun(options, jobId, onlyOne)));
  if (next !== undefined) return { ...nothingKnown, jobId: next, state: 'behind' };
  throw new BackupDataError('JOB_NOT_FOUND', `job ${jobId} is not in the queue any more`, {
    hint: 'Redis may have lost it; `backupdata list` shows whether its backup was committed.',
  });
}

/** Finished jobs that are looked through for a run that was over before anybody looked. */
const recent = 50;

/**
 * The run that replaced this one; it may be over already. Never the one that was active when this one was asked for: its
 * snapshot is older.
 */
async function laterRun(
  { queue }: WatchOptions,
  jobId: string,
  onlyOne: string,
): Promise<string | undefined> {
  const current = await queue.getDeduplicationJobId(onlyOne);
  const jobs = [
    current ? await queue.getJob(current) : undefined,
    ...(await queue.getJobs(['completed', 'failed'], 0, recent - 1)),
  ];
  const asked = timeOfBackup(jobId).getTime();
  return jobs.find((job) => job?.deduplicationId === onlyOne && job.timestamp >= asked)?.id;
}

function lost(jobId: string, cause: unknown): BackupDataError {
  return new BackupDataError(
    'REDIS_UNAVAILABLE',
    `Redis has not answered for a minute; ${jobId} may still be running`,
    {
      hint: `Look again with \`backupdata jobs show ${jobId}\`.`,
      cause,
    },
  );
}
