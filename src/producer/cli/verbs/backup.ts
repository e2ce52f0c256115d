import type { Config, DatabaseConfig } from '../../../shared/config/schema.ts';
import {
  asBackupDataError,
  BackupDataError,
  type ErrorDocument,
  toErrorDocument,
} from '../../../shared/errors.ts';
import type { BackupResult } from '../../../shared/queues/payloads.ts';
import type { Client, Enqueued } from '../../client/client.ts';
import type { CliContext } from '../context.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import type { ProgressPrinter } from '../output/progress.ts';
import { verb } from '../verb.ts';

interface Options {
  databases: string[] | undefined;
  all: boolean;
  detach: boolean;
}

export const backupVerb = verb<Options>({
  command: 'backup [databases..]',
  describe: 'Back databases up now, and wait for the outcome',
  builder: (parser) =>
    parser
      .positional('databases', { type: 'string', array: true, describe: 'Names from the configuration' })
      .option('all', { type: 'boolean', default: false, describe: 'Every database of the configuration' })
      .option('detach', {
        type: 'boolean',
        default: false,
        describe: 'Do not wait; print the ids of the runs',
      })
      .example('$0 backup shop', 'Back `shop` up and wait')
      .example('$0 backup --all --detach', 'Start a run of every database'),
  run,
});

/** How one database of the command fared. */
interface Run {
  database: string;
  backupId: string;
  as: Enqueued['as'];
  outcome: 'committed' | 'enqueued' | 'failed';
  bytes: number | null;
  /** Milliseconds. */
  duration: number | null;
  error: ErrorDocument | null;
}

async function run(context: CliContext, options: Options): Promise<number> {
  const config = await context.config();
  const databases = await chosen(context, config, options);
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const { createProgressPrinter } = await import('../output/progress.ts');
  const printer = createProgressPrinter(context);
  const runs = await withClient(
    { config, redisUrl: await findRedisUrl(context) },
    async ({ client, redis }) => {
      const enqueued: { database: DatabaseConfig; request: Enqueued }[] = [];
      for (const database of databases)
        enqueued.push({ database, request: await enqueue(context, client, database) });
      if (options.detach) return enqueued.map(({ database, request }) => detached(database, request));
      const { followJob } = await import('../follow-job.ts');
      return Promise.all(
        enqueued.map(({ database, request }) => {
          const queue = client.queue('backups', database.pool);
          const job = {
            redis,
            installation: config.installation,
            queue,
            jobId: request.jobId,
            database: database.name,
            name: database.name,
            printer,
          };
          return settle(context, printer, { database, request }, () => followJob(context, job));
        }),
      );
    },
  ).finally(printer.done);
  return conclude(context, runs);
}

async function chosen(
  context: CliContext,
  config: Config,
  { databases = [], all }: Options,
): Promise<DatabaseConfig[]> {
  if (all && databases.length > 0)
    throw new BackupDataError('USAGE', 'give names or --all, not both', {
      hint: 'See `backupdata backup --help`.',
    });
  if (all || (databases.length === 0 && config.databases.size === 1)) return [...config.databases.values()];
  if (databases.length === 0) {
    throw new BackupDataError('USAGE', 'name the databases to back up, or give --all', {
      hint: `The configuration has ${[...config.databases.keys()].join(', ')}.`,
    });
  }
  const resources = await context.resources();
  return [...new Set(databases)].map((name) => resources.database(name));
}

async function enqueue(context: CliContext, client: Client, database: DatabaseConfig): Promise<Enqueued> {
  const request = await client.backup(database);
  if (request.as === 'joined')
    context.say(
      `${database.name}: a run that has not started yet already does this; joined ${request.jobId}`,
    );
  if (request.as === 'successor')
    context.say(`${database.name}: a run is active; ${request.jobId} follows it, with a newer snapshot`);
  return request;
}

function detached(database: DatabaseConfig, { jobId, as }: Enqueued): Run {
  return {
    database: database.name,
    backupId: jobId,
    as,
    outcome: 'enqueued',
    bytes: null,
    duration: null,
    error: null,
  };
}

async function settle(
  context: CliContext,
  printer: ProgressPrinter,
  { database, request }: { database: DatabaseConfig; request: Enqueued },
  wait: () => Promise<unknown>,
): Promise<Run> {
  const base = { database: database.name, as: request.as };
  try {
    const { backupId, bytes, duration } = (await wait()) as BackupResult;
    return { ...base, backupId, outcome: 'committed', bytes, duration, error: null };
  } catch (error) {
    if (context.signal.aborted) throw error;
    printer.done();
    return {
      ...base,
      backupId: request.jobId,
      outcome: 'failed',
      bytes: null,
      duration: null,
      error: toErrorDocument(asBackupDataError(error)),
    };
  }
}

async function conclude(context: CliContext, runs: readonly Run[]): Promise<number> {
  const { formatBytes, formatDuration } = await import('../../../shared/config/units.ts');
  const line = ({ backupId, bytes, duration }: Run): string =>
    bytes === null || duration === null
      ? backupId
      : `${backupId}  ${formatBytes(bytes)}  ${formatDuration(duration)}`;
  const failures = runs.flatMap(({ error }) => error ?? []);
  context.print({
    document: { runs },
    text: runs
      .filter((each) => each.error === null)
      .map(line)
      .join('\n'),
  });
  for (const error of failures) context.complain(error);
  return exitCodeOfAll(failures);
}
