import { databasesStored } from '../../pipeline/catalog/catalog.ts';
import { type Discovered, discover } from '../../pipeline/discover.ts';
import type { DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { newBackupId } from '../../shared/ids.ts';
import { type DiscoverResult, type Payload, parsePayload } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import { expectedServer } from '../drift.ts';
import type { Start } from '../job.ts';
import { startMonitor } from '../monitor.ts';

/**
 * Asks a server which databases it has, and enqueues a run of each. A database that cannot be backed up fails the job,
 * once the others are enqueued.
 */
export async function processDiscover(context: WorkerContext, start: Start): Promise<DiscoverResult> {
  const payload = parsePayload('discover', start.job.data);
  const server = await expectedServer(context, start, payload);
  const { maxDuration } = server.template;
  const limits = { maxDuration, noBytes: context.config.timeouts.noBytes };
  const monitor = startMonitor({ context, start, attemptId: null, expectedBytes: null, limits });
  monitor.phase('discover');
  try {
    return await discoverAll(context, start, { server, trigger: payload.trigger });
  } finally {
    monitor.stop();
  }
}

async function discoverAll(
  context: WorkerContext,
  start: Start,
  { server, trigger }: { server: ServerConfig; trigger: Payload<'discover'>['trigger'] },
): Promise<DiscoverResult> {
  const { resources } = context;
  const { logger, signal } = start;
  const engine = await resources.engine(server.template.engine);
  const found = await discover({ server, engine, context: resources.context(signal) });
  const runs = await enqueueRuns(context, start, { trigger, databases: found.databases });
  logger.info('runs of the databases of a server are enqueued', { runs: runs.length });
  refuseIncomplete(server, found);
  const vanished = await vanishedFrom(context, start, { server, found });
  if (vanished.length > 0)
    logger.warn('databases are no longer on the server; their backups are kept', { vanished });
  return { runs, vanished };
}

/** One after the other: a lost worker's successor begins again, and the ids tell it what was enqueued already. */
async function enqueueRuns(
  { enqueueBackup }: WorkerContext,
  { job, signal, logger }: Start,
  { trigger, databases }: { trigger: Payload<'discover'>['trigger']; databases: readonly DatabaseConfig[] },
): Promise<DiscoverResult['runs']> {
  const runs: DiscoverResult['runs'][number][] = [];
  // Of the slot, or of the moment in which it was asked for: every attempt of this job gives a database the same id.
  const slot = trigger.slot === undefined ? new Date(job.timestamp) : new Date(trigger.slot);
  for (const database of databases) {
    signal.throwIfAborted();
    const backupId = newBackupId({ database: database.name, at: slot, slot });
    const enqueued = await enqueueBackup({ database, backupId, trigger });
    logger.info('backup enqueued', { database: database.name, backupId: enqueued.jobId, as: enqueued.as });
    runs.push({ database: database.name, ...enqueued });
  }
  return runs;
}

function refuseIncomplete(
  { template: { name }, include, exclude }: ServerConfig,
  { databases, unnameable, missing }: Discovered,
): void {
  if (unnameable.length > 0) {
    const which = unnameable.map((each) => `${JSON.stringify(each.name)} ${each.why}`).join(', ');
    throw new BackupDataError(
      'CONFIG_INVALID',
      `the server ${name} has databases that cannot be backed up under their names: ${which}; the runs of the others are enqueued`,
      {
        hint: 'Leave each out here by `discover.exclude`, and give it an entry of its own with `url`, or another name.',
      },
    );
  }
  if (missing.length > 0) {
    throw new BackupDataError(
      'DATABASE_MISSING',
      `the server ${name} does not have all that its \`discover.include\` names: ${missing.map((each) => JSON.stringify(each)).join(', ')} is missing, or cannot be connected to; the runs of the others are enqueued`,
      { hint: 'Correct the name (upper and lower case count), or take it out of `discover.include`.' },
    );
  }
  if (databases.length > 0) return;
  const patterns = include.length + exclude.length > 0 ? ' that its patterns let through' : '';
  throw new BackupDataError('DATABASE_MISSING', `the server ${name} has no database${patterns}`, {
    hint: 'See `discover.include` and `discover.exclude`; a pattern means upper and lower case as it is written.',
  });
}

/** Those that have backups, are still asked for, and were not found. */
async function vanishedFrom(
  { config, resources }: WorkerContext,
  { signal, logger }: Start,
  { server: { template }, found }: { server: ServerConfig; found: Discovered },
): Promise<readonly string[]> {
  const present = new Set(found.databases.map(({ name }) => name));
  try {
    const storage = await resources.storage(template.storage);
    const stored = await databasesStored({ storage, server: template.name, signal });
    return stored.filter((name) => !present.has(name) && findDatabase(config, name) !== undefined);
  } catch (error) {
    signal.throwIfAborted();
    // The runs are enqueued, and tell of the storage themselves.
    logger.warn('whether databases are no longer on the server could not be seen', { error });
    return [];
  }
}
