import { exitCodeOf, toErrorDocument } from '../../../shared/errors.ts';
import { isDatabaseName } from '../../../shared/ids.ts';
import { badgeOf } from '../../../shared/verification.ts';
import type { RedisManifestCache } from '../../manifest-cache.ts';
import type { CliContext } from '../context.ts';
import type { StoredBackup, Survey } from '../stored.ts';
import { verb } from '../verb.ts';

interface Options {
  database: string | undefined;
  storage: string | undefined;
  here: boolean;
}

export const listVerb = verb<Options>({
  command: 'list [database]',
  describe: 'List the backups that the storages hold, newest first',
  exits: {
    0: 'done; a backup whose manifest is damaged is listed as DAMAGED',
    3: 'no such database in the configuration or the storages, or no such storage',
    5: 'a storage cannot be read; what the others hold is printed all the same',
  },
  builder: (parser) =>
    parser
      .positional('database', {
        type: 'string',
        describe: 'Only the backups of this database, or of this server',
      })
      .option('storage', { type: 'string', requiresArg: true, describe: 'Only what this storage holds' })
      .option('here', {
        type: 'boolean',
        default: false,
        describe: 'Without the cache in Redis: every manifest is read from its storage',
      })
      .example('$0 list', 'Every backup')
      .example('$0 list shop --json', 'The backups of `shop` as one JSON document'),
  run,
});

async function run(context: CliContext, options: Options): Promise<number> {
  const { database, storage } = options;
  const resources = await context.resources();
  const { surveyStorages } = await import('../stored.ts');
  // No folder of a storage has another kind of name; asking for one is asking for an unknown database.
  if (database !== undefined && !isDatabaseName(database)) resources.database(database);
  const isServer = database !== undefined && (await context.config()).servers.has(database);
  const storages = storage === undefined ? resources.storageNames : [storage];
  const cache = options.here ? undefined : await openCache(context);
  const survey = await surveyStorages({
    resources,
    storages,
    ...(isServer ? { server: database } : { database }),
    cache,
    signal: context.signal,
  }).finally(() => cache?.close());
  if (survey.backups.length === 0) await refuseNothing(context, survey, isServer ? undefined : database);
  const text = await textOf(context, survey, options);
  context.print({ document: { backups: survey.backups.map(documentOf) }, text });
  tellDamage(context, survey);
  return tellFailures(context, survey);
}

/** A listing needs no Redis: without one, or with one that does not answer, it only takes longer. */
async function openCache(context: CliContext): Promise<RedisManifestCache | undefined> {
  const { findRedisUrl } = await import('../redis-url.ts');
  const redisUrl = await findRedisUrl(context).catch(() => undefined);
  if (!redisUrl) return undefined;
  const { createManifestCache } = await import('../../manifest-cache.ts');
  return createManifestCache({ redisUrl, installation: (await context.config()).installation });
}

/** Nothing found is an answer only when everything could be read and the database is known. */
async function refuseNothing(
  context: CliContext,
  { failures }: Survey,
  database: string | undefined,
): Promise<void> {
  if (failures[0]) throw failures[0].error;
  if (database !== undefined) (await context.resources()).database(database);
}

async function textOf(context: CliContext, { backups }: Survey, options: Options): Promise<string> {
  if (backups.length === 0) return emptyText(options);
  const { backupsTable } = await import('../output/backups-table.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const several = (await context.resources()).storageNames.length > 1;
  return backupsTable({ backups, width: widthOfTerminal(context.host.stdout), several });
}

function emptyText({ database, storage }: Options): string {
  const where = storage === undefined ? '' : ` in storage ${storage}`;
  return `There are no backups${where} yet. Make one with \`backupdata backup ${database ?? '--all'}\`.`;
}

function documentOf({ backupId, database, storage, manifest, verifications, pinned, problem }: StoredBackup) {
  return {
    backupId,
    database,
    engine: manifest?.engine.name ?? null,
    finishedAt: manifest?.finishedAt ?? null,
    bytes: manifest?.bytes ?? null,
    storage,
    verification: badgeOf(verifications),
    pinned,
    problem: problem && toErrorDocument(problem),
  };
}

function tellDamage(context: CliContext, { backups }: Survey): void {
  for (const { problem } of backups) {
    if (problem) context.say(`warning: ${problem.message}`);
  }
}

function tellFailures(context: CliContext, { failures }: Survey): number {
  for (const { error } of failures) context.complain(toErrorDocument(error));
  return failures[0] ? exitCodeOf(failures[0].error.code) : 0;
}
