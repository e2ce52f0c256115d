import { DelayedError, type Job, WaitingError, type Worker } from 'bullmq';
import type { Config } from '../shared/config/schema.ts';
import { configuredNames, serverOf } from '../shared/config/servers.ts';
import type { Metrics } from '../shared/metrics.ts';
import { failureOf } from '../shared/queues/failure.ts';
import type { BackupResult, CopyResult, VerifyResult } from '../shared/queues/payloads.ts';
import { verifyLevels } from '../shared/verification.ts';

/** What is counted by, and where. */
export interface Counted {
  config: Pick<Config, 'databases' | 'servers' | 'storages'>;
  metrics: Metrics;
}

interface Labels {
  database: string;
  engine: string;
}

/**
 * The entry of the configuration that a job is about. Only names of the configuration become labels: whatever else a job
 * holds would grow them without bound, and so would the databases of a server, which all count under the server's name.
 */
export function labelsOf({ config }: Pick<Counted, 'config'>, data: unknown): Labels {
  const { database, server } = Object(data) as { database?: unknown; server?: unknown };
  const name = String(database ?? server);
  const entry = config.databases.get(name) ?? (config.servers.get(name) ?? serverOf(config, name))?.template;
  return { database: entry?.name ?? 'unknown', engine: entry?.engine ?? 'unknown' };
}

/** Counters whose rates are looked at begin at 0: nobody sees one rise that was not there before. */
export function countFromZero({ config, metrics }: Counted, pools: readonly string[]): void {
  for (const name of configuredNames(config)) {
    const entry = config.databases.get(name) ?? config.servers.get(name)?.template;
    if (!entry || !pools.includes(entry.pool)) continue;
    const labels = labelsOf({ config }, { database: name });
    const { success, failure, bytes, pruneFailures } = metrics;
    for (const counter of [success, failure, bytes, pruneFailures]) counter.inc(labels, 0);
    // What follows a commit decodes it, whatever the level of the scheduled ones.
    for (const level of new Set(['decode', entry.verify.level]))
      metrics.verifications.inc({ ...labels, level, outcome: 'failed' }, 0);
  }
}

/** Counts how one start of a run ends. */
export async function countAttempt<Result>(
  counted: Counted,
  job: Job,
  start: Promise<Result>,
): Promise<Result> {
  if (job.name !== 'backup') return start;
  const count = (outcome: string): void =>
    counted.metrics.attempts.inc({ ...labelsOf(counted, job.data), outcome });
  try {
    const result = await start;
    count('committed');
    return result;
  } catch (error) {
    count(error instanceof DelayedError || error instanceof WaitingError ? 'handed_back' : 'failed');
    throw error;
  }
}

/** A start whose worker did not live to count it. */
export function countLost(counted: Counted, job: Job): void {
  if (job.name === 'backup')
    counted.metrics.attempts.inc({ ...labelsOf(counted, job.data), outcome: 'lost' });
}

/** Counts what becomes of the jobs of a queue. */
export function countEnds(worker: Worker, counted: () => Counted): void {
  worker.on('completed', (job, result) => countCompleted(counted(), job, result));
  worker.on('failed', (job) => {
    // Without a finish time the job is only waiting for its next attempt.
    if (job?.finishedOn !== undefined) countFailed(counted(), job);
  });
}

function countCompleted({ config, metrics }: Counted, job: Job, result: unknown): void {
  const labels = labelsOf({ config }, job.data);
  if (job.name === 'backup') {
    const { bytes, duration } = result as BackupResult;
    metrics.success.inc(labels);
    metrics.duration.observe(labels, duration / 1_000);
    metrics.size.observe(labels, bytes);
    metrics.bytes.inc(labels, bytes);
  }
  if (job.name === 'verify') {
    const { level, seconds } = result as VerifyResult;
    metrics.verifications.inc({ ...labels, level, outcome: 'ok' });
    metrics.verificationDuration.observe({ ...labels, level }, seconds);
  }
  if (job.name === 'copy') {
    const { storage, bytes } = result as CopyResult;
    metrics.copies.inc({ ...labels, storage, outcome: 'ok' });
    metrics.copyBytes.inc({ ...labels, storage }, bytes);
  }
}

function countFailed({ config, metrics }: Counted, job: Job): void {
  const labels = labelsOf({ config }, job.data);
  if (job.name === 'verify') {
    const level = verifyLevels.find((each) => each === job.data?.level) ?? 'unknown';
    const outcome = failureOf(job).code === 'VERIFY_FAILED' ? 'failed' : 'error';
    metrics.verifications.inc({ ...labels, level, outcome });
  }
  if (job.name === 'copy') {
    const to = String(job.data?.to);
    const storage = config.storages.has(to) ? to : 'unknown';
    metrics.copies.inc({ ...labels, storage, outcome: 'failed' });
  }
  if (job.name === 'prune') metrics.pruneFailures.inc(labels);
  if (job.queueName.startsWith('backups')) metrics.failure.inc(labels);
}
