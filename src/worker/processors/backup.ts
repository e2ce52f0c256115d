import { backup } from '../../pipeline/backup.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { earlierSizes, unusualSize } from '../../pipeline/usual-size.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { copyJobId } from '../../shared/queues/copy-job.ts';
import { leaseKey } from '../../shared/queues/names.ts';
import { type BackupResult, parsePayload } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import { expectedDatabase } from '../drift.ts';
import type { Start } from '../job.ts';
import { acquireLease } from '../lease.ts';
import { type Monitor, startMonitor } from '../monitor.ts';

/** One attempt of a run, from the lease on the database to the commit and what follows it. */
export async function processBackup(context: WorkerContext, start: Start): Promise<BackupResult> {
  const payload = parsePayload('backup', start.job.data);
  const database = await expectedDatabase(context, start, payload);
  const { logger } = start;
  logger.info('backup started');
  const { backupId, trigger } = payload;
  const manifest = await attempt(context, start, { database, backupId, trigger });
  const unusual = unusualSize(manifest, database.sizeAnomaly);
  if (unusual !== undefined) logger.warn(unusual, { bytes: manifest.bytes, usualBytes: manifest.usualBytes });
  await followUp(context, manifest, database);
  const duration = Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt);
  logger.info('backup committed', { bytes: manifest.bytes, duration, committedAttempt: manifest.attemptId });
  return { backupId: manifest.backupId, attemptId: manifest.attemptId, bytes: manifest.bytes, duration };
}

interface Run {
  database: DatabaseConfig;
  backupId: string;
  trigger: Manifest['trigger'];
}

async function attempt(context: WorkerContext, start: Start, run: Run): Promise<Manifest> {
  const { resources, config, redis, clock, wait } = context;
  const { attemptId, signal } = start;
  const limits = { maxDuration: run.database.maxDuration, noBytes: config.timeouts.noBytes };
  // Before anything is asked of anybody: whatever hangs is within its limits.
  const monitor = startMonitor({ context, start, attemptId, expectedBytes: null, limits });
  try {
    const storage = await resources.storage(run.database.storage);
    const key = leaseKey(config.installation, run.database.name);
    const duration = config.queue.lockDuration;
    const lease = await acquireLease({ redis, key, owner: attemptId, duration, signal, clock, wait });
    monitor.hold(lease);
    try {
      return await dumpWatched(context, start, { ...run, storage, monitor });
    } finally {
      await lease.release();
    }
  } finally {
    monitor.stop();
  }
}

async function dumpWatched(
  { resources, config, clock, wait }: WorkerContext,
  { job, attemptId, signal, token, logger }: Start,
  { database, backupId, trigger, storage, monitor }: Run & { storage: Storage; monitor: Monitor },
): Promise<Manifest> {
  const codecs = await resources.encoders(database);
  const { last, usual } = await earlierSizes({ storage, database, codecs, signal });
  monitor.expect(last);
  const { manifest } = await backup({
    database,
    installation: config.installation,
    shared: resources.isShared(database.storage),
    backupId,
    attemptId,
    attempt: job.attemptsStarted,
    trigger,
    engine: await resources.engine(database.engine),
    codecs,
    usualBytes: usual,
    storage,
    context: resources.context(signal),
    clock,
    wait,
    fence: () => requireLock(job.extendLock(token, config.queue.lockDuration)),
    onBytes: monitor.bytes,
    onPhase: monitor.phase,
    onWarning: (error) => logger.warn('what was to run after the backup failed', { error }),
  });
  return manifest;
}

/** The commit's fence: a worker that was stopped and woken up late must not commit what another has begun again. */
async function requireLock(extended: Promise<number>): Promise<void> {
  if ((await extended) === 1) return;
  throw new BackupDataError('LOCK_LOST', 'the lock of the job was lost before the commit', {
    hint: 'Another worker takes the run over.',
  });
}

/** Every commit is copied, and proven as far as it can be without a private key; once it is proven, old ones may go. */
async function followUp(
  context: WorkerContext,
  { backupId }: Manifest,
  { name: database, pool, storage, copies }: DatabaseConfig,
): Promise<void> {
  for (const { storage: to } of copies) {
    await context.enqueueMaintenance({
      name: 'copy',
      jobId: copyJobId({ backupId, to }),
      pool,
      payload: { backupId, database, from: storage, to },
    });
  }
  await context.enqueueMaintenance({
    name: 'verify',
    jobId: `verify-${backupId}`,
    pool,
    payload: { backupId, storage, database, level: 'decode', target: null, followUp: true },
  });
}
