import { BackupDataError } from '../../../shared/errors.ts';
import type { RestoreResult } from '../../../shared/queues/payloads.ts';
import type { CliContext } from '../context.ts';
import { type LocatedBackup, locateBackup } from '../locate.ts';
import { startMeter } from '../output/meter.ts';
import { createProgressPrinter } from '../output/progress.ts';
import { describeTarget, parseTarget, type Target } from '../target.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  to: string;
  create: boolean;
  table: string[] | undefined;
  globals: boolean;
  owner: boolean;
  confirm: string | undefined;
  storage: string | undefined;
  here: boolean;
  detach: boolean;
}

export const restoreVerb = verb<Options>({
  command: 'restore <backup>',
  describe: 'Restore a backup to a target that you name',
  builder: (parser) =>
    parser
      .positional('backup', {
        type: 'string',
        demandOption: true,
        describe: "A backup id, or a database's name for its latest",
      })
      .option('to', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'NAME or NAME/DBNAME of the configuration, or a URL (password in PGPASSWORD)',
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
      .option('confirm', {
        type: 'string',
        requiresArg: true,
        describe: "The target database's name, to restore over what is there",
      })
      .option('storage', { type: 'string', describe: 'Look for the backup only in this storage' })
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
  const target = parseTarget({
    text: options.to,
    config,
    resources,
    password: context.host.env.PGPASSWORD,
  });
  const located = await locateBackup({
    resources,
    config,
    backup: options.backup,
    storage: options.storage,
    signal: context.signal,
  });
  const here = options.here || target.kind === 'url';
  if (here && options.detach)
    throw new BackupDataError('USAGE', '--detach needs a worker: it does not go with --here or a URL');
  return here
    ? restoreHere(context, located, target, options)
    : restoreByWorker(context, located, target, options);
}

async function restoreHere(
  context: CliContext,
  { manifest, storage }: LocatedBackup,
  target: Target,
  options: Options,
): Promise<number> {
  const { restore } = await import('../../../pipeline/restore.ts');
  const resources = await context.resources();
  const engine = await resources.engine(manifest.engine.name);
  const codecs = await resources.codecsOf(manifest);
  const meter = startMeter(context, { name: manifest.backupId, expectedBytes: manifest.bytes });
  const startedAt = context.clock();
  const { notes } = await restore({
    manifest,
    target: { url: target.url, database: target.database },
    options: { ...wanted(options), confirm: options.confirm },
    storage,
    engine,
    codecs,
    context: resources.context(context.signal),
    onPhase: meter.phase,
    onBytes: meter.bytes,
  }).finally(meter.done);
  return conclude(context, target, {
    backupId: manifest.backupId,
    notes,
    duration: context.clock().getTime() - startedAt.getTime(),
  });
}

async function restoreByWorker(
  context: CliContext,
  { manifest, storage }: LocatedBackup,
  target: Target,
  options: Options,
): Promise<number> {
  if (target.kind === 'url') return restoreHere(context, { manifest, storage }, target, options);
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const { followJob } = await import('../follow-job.ts');
  const config = await context.config();
  const printer = createProgressPrinter(context);
  return withClient({ config, redisUrl: await findRedisUrl(context) }, async ({ client, redis }) => {
    const jobId = await client.restore(
      {
        backupId: manifest.backupId,
        storages: [storage.name],
        database: target.configured.name,
        targetDatabase: target.database ?? null,
        options: { ...wanted(options), confirm: options.confirm ?? null },
      },
      target.configured,
    );
    if (options.detach) {
      context.print({ document: { jobId }, text: jobId });
      return 0;
    }
    const queue = client.queue('restores', target.configured.pool);
    const job = { redis, installation: config.installation, queue, jobId, name: manifest.backupId, printer };
    return conclude(context, target, (await followJob(context, job).finally(printer.done)) as RestoreResult);
  });
}

function wanted({ create, table = [], globals, owner }: Options) {
  return { create, tables: table, globals, noOwner: !owner };
}

async function conclude(
  context: CliContext,
  target: Target,
  { backupId, notes, duration }: RestoreResult,
): Promise<number> {
  const { formatDuration } = await import('../../../shared/config/units.ts');
  const where = describeTarget(target);
  for (const note of notes) context.say(`note: ${note}`);
  context.print({
    document: { backupId, target: where, notes, duration },
    text: `${backupId} restored to ${where} in ${formatDuration(duration)}`,
  });
  return 0;
}
