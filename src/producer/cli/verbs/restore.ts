import { BackupDataError } from '../../../shared/errors.ts';
import type { RestoreResult } from '../../../shared/queues/payloads.ts';
import { locateBackup } from '../../operations/locate.ts';
import { unreadWarnings } from '../../operations/unread.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { followJob } from '../follow-job.ts';
import { withOperations } from '../operations.ts';
import { startMeter } from '../output/meter.ts';
import { createProgressPrinter } from '../output/progress.ts';
import { describeTarget, type ParsedTarget, parseTarget, resolveTarget } from '../target.ts';
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
  remote: true,
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
  const target = parseTarget({ text: options.to, env: context.host.env });
  const here = options.here || target.kind !== 'configured';
  if (context.server && target.kind !== 'configured')
    throw new BackupDataError(
      'USAGE',
      'a URL or a file is restored to by this process, and not with --server',
      {
        hint: 'Leave --server out, or name a database of the producer: NAME or NAME/DBNAME.',
      },
    );
  if (here && options.detach)
    throw new BackupDataError(
      'USAGE',
      '--detach needs a worker: it does not go with --here, a URL or a file',
    );
  return target.kind === 'configured' && !here
    ? restoreByWorker(context, target, options)
    : restoreHere(context, target, options);
}

async function restoreHere(context: CliContext, parsed: ParsedTarget, options: Options): Promise<number> {
  const [config, resources] = [await context.config(), await context.resources()];
  const target = resolveTarget(parsed, resources);
  const { backup, storage: only } = options;
  const { signal } = context;
  // On the worst day an older backup is better than none; the warning says what it may lack.
  const located = await locateBackup({ resources, config, backup, storage: only, orOlder: true, signal });
  const warnings = unreadWarnings(located, context.clock());
  for (const warning of warnings) context.say(`warning: ${warning}`);
  const { manifest, storage } = located;
  const { restore } = await import('../../../pipeline/restore.ts');
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
  return conclude(
    context,
    { where: describeTarget(parsed), warnings },
    {
      backupId: manifest.backupId,
      notes,
      duration: context.clock().getTime() - startedAt.getTime(),
    },
  );
}

async function restoreByWorker(
  context: CliContext,
  target: Extract<ParsedTarget, { kind: 'configured' }>,
  options: Options,
): Promise<number> {
  const { backup, storage, confirm, detach } = options;
  const { name: database, database: targetDatabase } = target;
  const printer = createProgressPrinter(context);
  return withOperations(context, async (service) => {
    const request = { backup, storage, database, targetDatabase, confirm, ...wanted(options) };
    const { jobId, backupId, warnings } = await service.operations.restore(request, service.call);
    for (const warning of warnings) context.say(`warning: ${warning}`);
    if (detach) {
      context.print({ document: { jobId, notes: warnings }, text: jobId });
      return 0;
    }
    const result = await followJob(context, service, { jobId, name: backupId, printer }).finally(
      printer.done,
    );
    return conclude(context, { where: describeTarget(target), warnings }, result as RestoreResult);
  });
}

function wanted({ create, table = [], globals, owner, keepOld }: Options) {
  return { create, tables: table, globals, noOwner: !owner, keepOld };
}

async function conclude(
  context: CliContext,
  { where, warnings }: { where: string; warnings: readonly string[] },
  { backupId, notes, duration }: RestoreResult,
): Promise<number> {
  const { formatDuration } = await import('../../../shared/config/units.ts');
  for (const note of notes) context.say(`note: ${note}`);
  context.print({
    document: { backupId, target: where, notes: [...warnings, ...notes], duration },
    text: `${backupId} restored to ${where} in ${formatDuration(duration)}`,
  });
  return 0;
}
