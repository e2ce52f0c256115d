import { findBackup, unreadNotes } from '../../pipeline/catalog/find.ts';
import { type CopyOutcome, copy } from '../../pipeline/copy.ts';
import { missingCopies } from '../../pipeline/missing-copies.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { type CopyResult, type Payload, parsePayload } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import type { Start } from '../job.ts';
import { startMonitor } from '../monitor.ts';
import { knownStorages } from '../storages.ts';

const day = 86_400_000;

/** Missing copies that may wait in the queue at once; each that ends well makes room for another. */
const mendAtOnce = 5;

/** Copies a backup to another storage, and sees to earlier backups that are missing there. */
export async function processCopy(context: WorkerContext, start: Start): Promise<CopyResult> {
  const payload = parsePayload('copy', start.job.data);
  const { backupId, to } = payload;
  const { clock } = context;
  const logger = start.logger.child({ storage: to });
  const startedAt = clock();
  logger.info('copy started', { from: payload.from });
  const { bytes, notes } = await run(context, start, payload);
  for (const note of notes) logger.warn(note);
  const duration = clock().getTime() - startedAt.getTime();
  logger.info(bytes === 0 ? 'the copy was there already' : 'copy committed', { bytes, duration });
  await mendGaps(context, { ...start, logger }, payload);
  return { backupId, storage: to, bytes, duration };
}

async function run(context: WorkerContext, start: Start, payload: Payload<'copy'>): Promise<CopyOutcome> {
  const { resources, config, clock, wait } = context;
  const { job, token, signal } = start;
  const { backupId } = payload;
  const from = await sourcesOf(context, payload);
  const source = await findBackup({ storages: from, backupId, signal });
  if (!source) throw gone(payload, from);
  const maxDuration = findDatabase(config, payload.database)?.maxDuration ?? day;
  const limits = { maxDuration, noBytes: config.timeouts.noBytes };
  const expectedBytes = source.manifest.bytes;
  const monitor = startMonitor({ context, start, attemptId: null, expectedBytes, limits });
  monitor.phase('copy');
  try {
    const { bytes, notes } = await copy({
      source,
      from,
      to: await resources.storage(payload.to),
      installation: config.installation,
      shared: resources.isShared(payload.to),
      signal,
      clock,
      wait,
      isAlone: async () => (await job.extendLock(token, config.queue.lockDuration)) === 1,
      onBytes: monitor.bytes,
    });
    return { bytes, notes: [...unreadNotes(source), ...notes] };
  } finally {
    monitor.stop();
  }
}

/** The storage that the job names, then the others that this worker knows for the database. */
function sourcesOf(
  { resources, config }: WorkerContext,
  { database: name, from, to }: Payload<'copy'>,
): Promise<Storage[]> {
  const database = findDatabase(config, name);
  const others = database ? [database.storage, ...database.copies.map(({ storage }) => storage)] : [];
  const names = new Set([from, ...others]);
  names.delete(to);
  return knownStorages(resources, [...names]);
}

function gone({ backupId }: Payload<'copy'>, from: readonly Storage[]): BackupDataError {
  const names = from.map(({ name }) => name).join(', ');
  return new BackupDataError('BACKUP_NOT_FOUND', `there is no backup ${backupId} to copy in ${names}`, {
    hint: 'It may have been retired before it was copied; `backupdata list` shows what there is.',
  });
}

/** A copy that failed for good, or whose job was lost with Redis, is asked for again once its storage takes copies. */
async function mendGaps(
  context: WorkerContext,
  { signal, logger }: Start,
  { database: name, from, to }: Payload<'copy'>,
): Promise<void> {
  const { resources, config, clock, mendCopy } = context;
  const database = findDatabase(config, name);
  const target = database?.copies.find(({ storage }) => storage === to);
  if (!database || !target) return;
  try {
    const missing = await missingCopies({
      from: await resources.storage(from),
      to: await resources.storage(to),
      database: name,
      retention: target.retention,
      now: clock(),
      signal,
    });
    const asked = { new: [] as string[], joined: [] as string[], left: [] as string[] };
    for (const backupId of missing) {
      if (asked.new.length + asked.joined.length === mendAtOnce) break;
      const payload = { backupId, database: name, from, to };
      asked[await mendCopy({ pool: database.pool, payload })].push(backupId);
    }
    if (asked.new.length > 0) logger.info('missing copies are enqueued', { missing: asked.new });
  } catch (error) {
    // This copy is made all the same, and the next one looks again.
    logger.warn('whether other copies are missing could not be seen', { error });
  }
}
