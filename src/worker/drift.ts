import type { DatabaseConfig } from '../shared/config/schema.ts';
import { BackupDataError } from '../shared/errors.ts';
import { sourceFingerprint } from '../shared/fingerprint.ts';
import { parseProgress } from '../shared/queues/progress.ts';
import type { WorkerContext } from './context.ts';
import { NotYet, type Start } from './job.ts';

const phase = 'configuration';

/**
 * The database that a job names, if this worker's configuration means the same server by it as the producer's. While
 * it does not (a roll-out may be under way) the job is put off; in the end it fails with CONFIG_DRIFT.
 */
export async function expectedDatabase(
  context: WorkerContext,
  start: Start,
  { database, source }: { database: string; source: string },
): Promise<DatabaseConfig> {
  const found = context.config.databases.get(database);
  if (found && sourceFingerprint(found) === source) return found;
  const { retry, giveUp } = context.config.queue.drift;
  const earlier = parseProgress(start.job.progress);
  const since = earlier?.phase === phase ? earlier.since : context.clock().toISOString();
  if (context.clock().getTime() - Date.parse(since) >= giveUp)
    throw drift(context, database, found !== undefined);
  await start.job.updateProgress({
    phase,
    since,
    attempt: start.job.attemptsStarted,
    attemptId: null,
    bytes: 0,
    bytesPerSecond: 0,
    expectedBytes: null,
  });
  start.logger.warn('this worker knows another database by that name, or none; the job waits', {
    retryIn: retry,
  });
  throw new NotYet(retry);
}

function drift(context: WorkerContext, database: string, present: boolean): BackupDataError {
  const what = present ? 'means another server or user by' : 'does not have';
  return new BackupDataError(
    'CONFIG_DRIFT',
    `the worker's configuration (${context.config.origin}) ${what} the database "${database}"`,
    {
      hint: 'Give producer and workers the same configuration, then run the backup again.',
    },
  );
}
