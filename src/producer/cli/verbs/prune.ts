import { asBackupDataError, type ErrorDocument, toErrorDocument } from '../../../shared/errors.ts';
import type { PruneResult } from '../../../shared/queues/payloads.ts';
import type { CliContext } from '../context.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { followJob } from '../follow-job.ts';
import { withOperations } from '../operations.ts';
import { verb } from '../verb.ts';

interface Options {
  database: string | undefined;
  confirm: boolean;
  storage: string | undefined;
  allSources: boolean;
}

export const pruneVerb = verb<Options>({
  command: 'prune [database]',
  remote: true,
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

function run(context: CliContext, options: Options): Promise<number> {
  return options.confirm ? confirmed(context, options) : preview(context, options);
}

async function preview(context: CliContext, { database, storage, allSources }: Options): Promise<number> {
  const { databases, warnings, failures } = await withOperations(context, ({ operations, call }) =>
    operations.previewPrune({ database, storage, allSources }, call),
  );
  for (const warning of warnings) context.say(`warning: ${warning}`);
  const { prunePreviewText } = await import('../output/prune-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const width = widthOfTerminal(context.host.stdout);
  context.print({
    document: { databases, warnings },
    text:
      databases.length === 0 ? '' : prunePreviewText({ previews: databases, now: context.clock(), width }),
  });
  for (const failure of failures) context.complain(failure);
  return exitCodeOfAll(failures);
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

async function confirmed(context: CliContext, { database, storage, allSources }: Options): Promise<number> {
  const { createProgressPrinter } = await import('../output/progress.ts');
  const printer = createProgressPrinter(context);
  const { ended, failures } = await withOperations(context, async (service) => {
    const { operations, call } = service;
    const asked = await operations.prune({ database, storage, allSources }, call);
    for (const warning of asked.warnings) context.say(warning);
    const waits = asked.jobs.map((job) => {
      const { jobId, database: name } = job;
      return settle(job, context.signal, () => followJob(context, service, { jobId, name, printer }));
    });
    return { ended: await Promise.all(waits), failures: asked.failures };
  }).finally(printer.done);
  return conclude(context, ended, failures);
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
