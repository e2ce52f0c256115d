import type { DatabaseConfig, ServerConfig } from '../shared/config/schema.ts';
import { findDatabase } from '../shared/config/servers.ts';
import { BackupDataError } from '../shared/errors.ts';
import { serverFingerprint, sourceFingerprint } from '../shared/fingerprint.ts';
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
  const found = findDatabase(context.config, database);
  if (found && sourceFingerprint(found) === source) return found;
  return putOff(context, start, {
    meanwhile: 'this worker knows another database by that name, or none; the job waits',
    inTheEnd: found
      ? `means another server or user by the database "${database}"`
      : `does not have the database "${database}"`,
  });
}

/** As `expectedDatabase`, of a whole server: of its patterns too. */
export async function expectedServer(
  context: WorkerContext,
  start: Start,
  { server, source }: { server: string; source: string },
): Promise<ServerConfig> {
  const found = context.config.servers.get(server);
  if (found && serverFingerprint(found) === source) return found;
  return putOff(context, start, {
    meanwhile: 'this worker knows another server by that name, or none; the job waits',
    inTheEnd: found
      ? `means another server, user or choice of databases by the server "${server}"`
      : `does not have the server "${server}"`,
  });
}

async function putOff(
  context: WorkerContext,
  start: Start,
  { meanwhile, inTheEnd }: { meanwhile: string; inTheEnd: string },
): Promise<never> {
  const { retry, giveUp } = context.config.queue.drift;
  const earlier = parseProgress(start.job.progress);
  const since = earlier?.phase === phase ? earlier.since : context.clock().toISOString();
  if (context.clock().getTime() - Date.parse(since) >= giveUp) throw drift(context, inTheEnd);
  await start.job.updateProgress({
    phase,
    since,
    attempt: start.job.attemptsStarted,
    attemptId: null,
    bytes: 0,
    bytesPerSecond: 0,
    expectedBytes: null,
  });
  start.logger.warn(meanwhile, { retryIn: retry });
  throw new NotYet(retry);
}

function drift({ config }: WorkerContext, what: string): BackupDataError {
  return new BackupDataError('CONFIG_DRIFT', `the worker's configuration (${config.origin}) ${what}`, {
    hint: 'Give producer and workers the same configuration, then run the backup again.',
  });
}
