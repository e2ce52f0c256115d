import type { NamedBackups } from '../../../pipeline/retention/decide.ts';
import type { DatabaseConfig, ServerConfig } from '../../../shared/config/schema.ts';
import {
  asBackupDataError,
  BackupDataError,
  type ErrorDocument,
  hasCode,
  toErrorDocument,
} from '../../../shared/errors.ts';
import { retentionFingerprint } from '../../../shared/fingerprint.ts';
import type { PruneResult } from '../../../shared/queues/payloads.ts';
import type { CliContext } from '../context.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import type { PrunePreview } from '../preview-prune.ts';
import { verb } from '../verb.ts';

interface Options {
  database: string | undefined;
  confirm: boolean;
  storage: string | undefined;
  allSources: boolean;
}

export const pruneVerb = verb<Options>({
  command: 'prune [database]',
  describe: 'Show which backups the retention does not keep, or retire them',
  exits: {
    0: 'done; without --confirm nothing was changed',
    3: 'no such database or storage in the configuration',
    4: 'a storage belongs to another installation',
    5: 'Redis or a storage cannot be reached; the others are shown all the same',
  },
  builder: (parser) =>
    parser
      .positional('database', { type: 'string', describe: 'Only this database, or those of this server' })
      .option('confirm', {
        type: 'boolean',
        default: false,
        describe: 'Retire them; their bytes go a day later',
      })
      .option('storage', { type: 'string', requiresArg: true, describe: 'Only in this storage' })
      .option('all-sources', {
        type: 'boolean',
        default: false,
        describe: 'Also backups of servers that the database was on before',
      })
      .example('$0 prune', 'See what would be retired, and why')
      .example('$0 prune shop --confirm', 'Retire it')
      .example('$0 prune --json', 'With every reason, however many there are'),
  run,
});

/** What is to be pruned, and why not all that may be in a server's storages is known. */
interface Chosen {
  databases: readonly DatabaseConfig[];
  unread: readonly BackupDataError[];
}

async function run(context: CliContext, options: Options): Promise<number> {
  const chosen = await choose(context, options);
  return options.confirm ? confirmed(context, chosen, options) : preview(context, chosen, options);
}

/** Those that keep backups in the given storage. */
async function choose(context: CliContext, { database, storage }: Options): Promise<Chosen> {
  const resources = await context.resources();
  const { databasesOfServers } = await import('../server-databases.ts');
  const { placesIn } = await import('../preview-prune.ts');
  if (storage !== undefined) await resources.storage(storage);
  const named = await namedBy(context, database);
  const goesThere = (each: DatabaseConfig): boolean => placesIn(each, storage).length > 0;
  if (![...named.databases, ...named.servers.map(({ template }) => template)].some(goesThere)) {
    if (storage === undefined) return { databases: [], unread: [] };
    throw new BackupDataError(
      'USAGE',
      `no backups of ${database ?? 'any database'} go to storage ${storage}`,
      { hint: 'See `storage` and `copies` in the configuration.' },
    );
  }
  const found = await databasesOfServers(context, named.servers, storage);
  const databases = [...named.databases.filter(goesThere), ...found.databases];
  return { databases, unread: found.failures };
}

async function namedBy(
  context: CliContext,
  name: string | undefined,
): Promise<{ databases: readonly DatabaseConfig[]; servers: readonly ServerConfig[] }> {
  const { databases, servers } = await context.config();
  if (name === undefined) return { databases: [...databases.values()], servers: [...servers.values()] };
  const server = servers.get(name);
  if (server) return { databases: [], servers: [server] };
  return { databases: [(await context.resources()).database(name)], servers: [] };
}

async function preview(
  context: CliContext,
  { databases, unread }: Chosen,
  { storage, allSources }: Options,
): Promise<number> {
  const { previewPrune } = await import('../preview-prune.ts');
  const { named, warnings } = await namedByJobs(context);
  for (const warning of warnings) context.say(`warning: ${warning}`);
  const { previews, failures } = await previewPrune(context, { databases, storage, allSources, named });
  const { prunePreviewText } = await import('../output/prune-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  context.print({
    document: { databases: previews.map(documentOf), warnings },
    text:
      previews.length === 0
        ? ''
        : prunePreviewText({ previews, now: context.clock(), width: widthOfTerminal(context.host.stdout) }),
  });
  const all = [...unread, ...failures];
  for (const failure of all) context.complain(toErrorDocument(failure));
  return exitCodeOfAll(all);
}

/** What is shown without Redis may be retired later than it says, but nothing else will be. */
async function namedByJobs(
  context: CliContext,
): Promise<{ named: NamedBackups; warnings: readonly string[] }> {
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const { namedBackups } = await import('../../../shared/queues/named-backups.ts');
  const config = await context.config();
  try {
    const redisUrl = await findRedisUrl(context);
    const named = await withClient({ config, redisUrl }, ({ redis }) => namedBackups({ config, redis }));
    return { named, warnings: [] };
  } catch (error) {
    if (!hasCode(error, 'REDIS_UNAVAILABLE')) throw error;
    return {
      named: new Map(),
      warnings: [`backups that jobs name are not known, because of Redis: ${error.message}`],
    };
  }
}

function documentOf({ database, storage, note, decisions }: PrunePreview) {
  return {
    database,
    storage,
    note,
    decisions: decisions.map(({ backupId, at, bytes, decision, reasons }) => ({
      backupId,
      at,
      bytes,
      decision,
      reasons,
    })),
  };
}

/** How the prune of one database ended. */
interface Pruned {
  database: string;
  jobId: string;
  retired: PruneResult['retired'];
  /** Objects that were swept. */
  removed: number;
  error: ErrorDocument | null;
}

async function confirmed(
  context: CliContext,
  { databases, unread }: Chosen,
  options: Options,
): Promise<number> {
  const config = await context.config();
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const { followJob } = await import('../follow-job.ts');
  const { createProgressPrinter } = await import('../output/progress.ts');
  const { placesIn } = await import('../preview-prune.ts');
  const { storage, allSources } = options;
  for (const database of databases) {
    if (placesIn(database, storage).every(({ retention }) => retention === null))
      context.say(`${database.name}: no retention is configured, so every backup is kept`);
  }
  const printer = createProgressPrinter(context);
  const redisUrl = await findRedisUrl(context);
  const ended = await withClient({ config, redisUrl }, ({ client, redis }) =>
    Promise.all(
      databases.map(async (database): Promise<Pruned> => {
        const { name, pool } = database;
        const request = {
          database: name,
          retire: true,
          allSources,
          policy: retentionFingerprint(database),
          ...(storage !== undefined && { storage }),
        };
        const jobId = await client.prune(request, pool);
        const queue = client.queue('maintenance', pool);
        const job = { redis, installation: config.installation, queue, jobId, name, printer };
        return settle({ database: name, jobId }, context.signal, () => followJob(context, job));
      }),
    ),
  ).finally(printer.done);
  return conclude(context, ended, unread.map(toErrorDocument));
}

async function settle(
  about: { database: string; jobId: string },
  signal: AbortSignal,
  wait: () => Promise<unknown>,
): Promise<Pruned> {
  try {
    const { retired, removed } = (await wait()) as PruneResult;
    return { ...about, retired, removed, error: null };
  } catch (error) {
    if (signal.aborted) throw error;
    return { ...about, retired: [], removed: 0, error: toErrorDocument(asBackupDataError(error)) };
  }
}

function conclude(context: CliContext, ended: readonly Pruned[], unread: readonly ErrorDocument[]): number {
  const failures = [...unread, ...ended.flatMap(({ error }) => error ?? [])];
  context.print({
    document: { databases: ended },
    text: ended
      .filter(({ error }) => error === null)
      .flatMap(({ database, retired }) =>
        retired.length === 0
          ? [`${database}: nothing was retired`]
          : retired.map(({ backupId, storage }) => `${backupId}  retired from ${storage}`),
      )
      .join('\n'),
  });
  for (const error of failures) context.complain(error);
  return exitCodeOfAll(failures);
}
