import type { Config, DatabaseConfig, ServerConfig } from '../../../shared/config/schema.ts';
import { configuredNames } from '../../../shared/config/servers.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import type { Enqueued } from '../../../shared/queues/enqueued.ts';
import type { Run, Runs, Session } from '../backup-runs.ts';
import type { CliContext } from '../context.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { verb } from '../verb.ts';

interface Options {
  databases: string[] | undefined;
  all: boolean;
  detach: boolean;
}

export const backupVerb = verb<Options>({
  command: 'backup [databases..]',
  describe: 'Back databases up now, and wait for the outcome',
  lists: ['databases'],
  builder: (parser) =>
    parser
      .positional('databases', {
        type: 'string',
        array: true,
        describe: 'Databases, or servers for all of theirs',
      })
      .option('all', { type: 'boolean', default: false, describe: 'Every database, and every server' })
      .option('detach', {
        type: 'boolean',
        default: false,
        describe: 'Do not wait; print the ids of the runs',
      })
      .example('$0 backup shop', 'Back `shop` up and wait')
      .example('$0 backup --all --detach', 'Start a run of every database'),
  run,
});

async function run(context: CliContext, options: Options): Promise<number> {
  const config = await context.config();
  const chosen = await choose(context, config, options);
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const { createProgressPrinter } = await import('../output/progress.ts');
  const printer = createProgressPrinter(context);
  const redisUrl = await findRedisUrl(context);
  const runs = await withClient({ config, redisUrl }, ({ client, redis }) =>
    runAll(context, { config, client, redis, printer }, { ...chosen, detach: options.detach }),
  ).finally(printer.done);
  return conclude(context, runs);
}

interface Chosen {
  databases: readonly DatabaseConfig[];
  servers: readonly ServerConfig[];
}

async function choose(
  context: CliContext,
  config: Config,
  { databases: names = [], all }: Options,
): Promise<Chosen> {
  if (all && names.length > 0)
    throw new BackupDataError('USAGE', 'give names or --all, not both', {
      hint: 'See `backupdata backup --help`.',
    });
  const { databases, servers } = config;
  if (databases.size + servers.size === 0) {
    throw new BackupDataError(
      'CONFIG_INVALID',
      `the configuration (${config.origin}) has no database to back up`,
      {
        hint: 'Write one below `databases`; `backupdata config example` shows how.',
      },
    );
  }
  if (all || (names.length === 0 && databases.size + servers.size === 1))
    return { databases: [...databases.values()], servers: [...servers.values()] };
  if (names.length === 0) {
    throw new BackupDataError('USAGE', 'name the databases to back up, or give --all', {
      hint: `The configuration has ${listSome(configuredNames(config), 20)}.`,
    });
  }
  const resources = await context.resources();
  const distinct = [...new Set(names)];
  return {
    databases: distinct.filter((name) => !servers.has(name)).map((name) => resources.database(name)),
    servers: distinct.flatMap((name) => servers.get(name) ?? []),
  };
}

async function runAll(
  context: CliContext,
  session: Session,
  { databases, servers, detach }: Chosen & Pick<Options, 'detach'>,
): Promise<Runs> {
  const { begun, followRun, followServer } = await import('../backup-runs.ts');
  const { client } = session;
  const runs: { database: DatabaseConfig; request: Enqueued }[] = [];
  for (const database of databases)
    runs.push({ database, request: tellOf(context, database.name, await client.backup(database)) });
  const looks: { server: ServerConfig; request: Enqueued }[] = [];
  for (const server of servers)
    looks.push({ server, request: tellOf(context, server.template.name, await client.discover(server)) });
  if (detach) {
    const asked = [...runs, ...looks.map(({ server, request }) => ({ database: server.template, request }))];
    return { runs: asked.map(begun), vanished: [] };
  }
  const [own, ofServers] = await Promise.all([
    Promise.all(runs.map((each) => followRun(context, session, each))),
    Promise.all(looks.map((each) => followServer(context, session, each))),
  ]);
  return {
    runs: [...own, ...ofServers.flatMap((each) => each.runs)],
    vanished: ofServers.flatMap(({ vanished }) => vanished),
  };
}

/** Says where a request is not a run of its own. */
function tellOf(context: CliContext, name: string, request: Enqueued): Enqueued {
  if (request.as === 'joined')
    context.say(`${name}: a run that has not started yet already does this; joined ${request.jobId}`);
  if (request.as === 'successor')
    context.say(`${name}: a run is active; ${request.jobId} follows it, with a newer snapshot`);
  return request;
}

async function conclude(context: CliContext, { runs, vanished }: Runs): Promise<number> {
  const { formatBytes, formatDuration } = await import('../../../shared/config/units.ts');
  const line = ({ backupId, bytes, duration }: Run): string =>
    bytes === null || duration === null
      ? backupId
      : `${backupId}  ${formatBytes(bytes)}  ${formatDuration(duration)}`;
  const failures = runs.flatMap(({ error }) => error ?? []);
  context.print({
    document: { runs, vanished },
    text: runs
      .filter((each) => each.error === null)
      .map(line)
      .join('\n'),
  });
  for (const error of failures) context.complain(error);
  return exitCodeOfAll(failures);
}
