import { BackupDataError } from '../../../shared/errors.ts';
import type { RestoreResult } from '../../../shared/queues/payloads.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { type LocatedBackup, locateBackup } from '../locate.ts';
import { startMeter } from '../output/meter.ts';
import { createProgressPrinter } from '../output/progress.ts';
import { describeTarget, parseTarget, type Target } from '../target.ts';
import { unreadWarnings } from '../unread.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  to: string;
  create: boolean;
  table: string[] | undefined;
  globals: boolean;
  owner: boolean;
  keepOld: boolean;
  confirm: string | undefined;
  storage: string | undefined;
  here: boolean;
  detach: boolean;
}

export const restoreVerb = verb<Options>({
  command: 'restore <backup>',
  describe: 'Restore a backup to a target that you name',
  lists: ['table'],
  builder: (parser) =>
    parser
      .positional('backup', backupArgument)
      .option('to', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe:
          'NAME or NAME/DBNAME of the configuration, a URL (password in PGPASSWORD or MYSQL_PWD), or the path of a file',
      })
      .option('create', {
        type: 'boolean',
        default: false,
        describe: 'Make the database; it is dropped again if the restore fails',
      })
      .option('table', {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'Only this SCHEMA.NAME; may be repeated',
      })
      .option('globals', {
        type: 'boolean',
        default: false,
        describe: 'Make the roles that the server lacks',
      })
      .option('owner', {
        type: 'boolean',
        default: true,
        describe: 'Restore ownership; --no-owner leaves it out',
      })
      .option('keep-old', {
        type: 'boolean',
        default: false,
        describe: 'Where a file is replaced: keep the old one beside it',
      })
      .option('confirm', {
        type: 'string',
        requiresArg: true,
        describe: "The target database's name, to restore over what is there",
      })
      .option('storage', { type: 'string', describe: 'Read the backup only from this storage' })
      .option('here', { type: 'boolean', default: false, describe: 'In this process, without Redis' })
      .option('detach', { type: 'boolean', default: false, describe: 'Do not wait; print the id of the job' })
      .example(
        '$0 restore shop --to shop/shop_copy --create',
        "The latest backup of `shop`, into a new database on shop's server",
      ),
  run,
});

async function run(context: CliContext, options: Options): Promise<number> {
  const [config, resources] = [await context.config(), await context.resources()];
  const target = parseTarget({ text: options.to, resources, env: context.host.env });
  const located = await locateBackup({
    resources,
    config,
    backup: options.backup,
    storage: options.storage,
    // On the worst day an older backup is better than none; the warning says what it may lack.
    orOlder: true,
    signal: context.signal,
  });
  const warnings = unreadWarnings(located, context.clock());
  for (const warning of warnings) context.say(`warning: ${warning}`);
  const here = options.here || target.kind !== 'configured';
  if (here && options.detach)
    throw new BackupDataError(
      'USAGE',
      '--detach needs a worker: it does not go with --here, a URL or a file',
    );
  const job = { located, warnings, target };
  return here ? restoreHere(context, job, options) : restoreByWorker(context, { ...job, target }, options);
}

interface Job {
  located: LocatedBackup;
  /** Said already; the JSON document must have them too. */
  warnings: readonly string[];
  target: Target;
}

async function restoreHere(context: CliContext, job: Job, options: Options): Promise<number> {
  const { located, target } = job;
  const { manifest, storage } = located;
  const { restore } = await import('../../../pipeline/restore.ts');
  const resources = await context.resources();
  const engine = await resources.engine(manifest.engine.name);
  const codecs = await resources.codecsOf(manifest);
  const meter = startMeter(context, { name: manifest.backupId, expectedBytes: manifest.bytes });
  const startedAt = context.clock();
  const { notes } = await restore({
    manifest,
    target,
    options: { ...wanted(options), confirm: options.confirm },
    storage,
    fallbacks: located.others,
    engine,
    codecs,
    context: resources.context(context.signal),
    onPhase: meter.phase,
    onBytes: meter.bytes,
  }).finally(meter.done);
  return conclude(context, job, {
    backupId: manifest.backupId,
    notes,
    duration: context.clock().getTime() - startedAt.getTime(),
  });
}

async function restoreByWorker(
  context: CliContext,
  job: Job & { target: Extract<Target, { kind: 'configured' }> },
  options: Options,
): Promise<number> {
  const { located, warnings, target } = job;
  const { manifest, storage, others } = located;
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const { followJob } = await import('../follow-job.ts');
  const config = await context.config();
  const printer = createProgressPrinter(context);
  return withClient({ config, redisUrl: await findRedisUrl(context) }, async ({ client, redis }) => {
    const jobId = await client.restore(
      {
        backupId: manifest.backupId,
        storages: [storage, ...others].map(({ name }) => name),
        database: target.source.name,
        targetDatabase: target.database ?? null,
        options: { ...wanted(options), confirm: options.confirm ?? null },
      },
      target.source,
    );
    if (options.detach) {
      context.print({ document: { jobId, notes: warnings }, text: jobId });
      return 0;
    }
    const queue = client.queue('restores', target.source.pool);
    const { installation } = config;
    const followed = { redis, installation, queue, jobId, name: manifest.backupId, printer };
    const result = await followJob(context, followed).finally(printer.done);
    return conclude(context, job, result as RestoreResult);
  });
}

function wanted({ create, table = [], globals, owner, keepOld }: Options) {
  return { create, tables: table, globals, noOwner: !owner, keepOld };
}

async function conclude(
  context: CliContext,
  { target, warnings }: Job,
  { backupId, notes, duration }: RestoreResult,
): Promise<number> {
  const { formatDuration } = await import('../../../shared/config/units.ts');
  const where = describeTarget(target);
  for (const note of notes) context.say(`note: ${note}`);
  context.print({
    document: { backupId, target: where, notes: [...warnings, ...notes], duration },
    text: `${backupId} restored to ${where} in ${formatDuration(duration)}`,
  });
  return 0;
}
