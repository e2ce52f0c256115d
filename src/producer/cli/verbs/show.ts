import type { Marks } from '../../../pipeline/catalog/marks.ts';
import { hasCode } from '../../../shared/errors.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import type { CopyJob, ShownCopy } from '../copies.ts';
import type { LocatedBackup } from '../locate.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  storage: string | undefined;
  here: boolean;
}

export const showVerb = verb<Options>({
  command: 'show <backup>',
  describe: 'Show what a backup holds, how it was verified and where its copies are',
  exits: {
    1: 'its manifest is damaged',
    3: 'no such backup or storage',
    5: 'a storage that may hold it cannot be read',
  },
  builder: (parser) =>
    parser
      .positional('backup', backupArgument)
      .option('storage', { type: 'string', requiresArg: true, describe: 'Look only in this storage' })
      .option('here', {
        type: 'boolean',
        default: false,
        describe: 'Without Redis: only what the storages tell of its copies',
      })
      .example('$0 show shop', 'The latest backup of `shop`'),
  run,
});

async function run(context: CliContext, { backup, storage, here }: Options): Promise<number> {
  const { locateBackup } = await import('../locate.ts');
  const { unreadWarnings } = await import('../unread.ts');
  const { readMarks } = await import('../../../pipeline/catalog/marks.ts');
  const [config, resources] = [await context.config(), await context.resources()];
  const located = await locateBackup({ resources, config, backup, storage, signal: context.signal });
  for (const warning of unreadWarnings(located, context.clock())) context.say(`warning: ${warning}`);
  const { manifest } = located;
  const marks = await readMarks({
    storage: located.storage,
    backupId: manifest.backupId,
    signal: context.signal,
  });
  const copies = await readCopies(context, located, here);
  const text = await textOf(context, { located, marks, copies });
  context.print({ document: { manifest, storage: located.storage.name, copies, ...marks }, text });
  return 0;
}

/** What cannot be asked for a copy is told, and left out. */
async function readCopies(
  context: CliContext,
  located: LocatedBackup,
  here: boolean,
): Promise<readonly ShownCopy[]> {
  const { copiesOf } = await import('../copies.ts');
  const [config, resources] = [await context.config(), await context.resources()];
  const { backupId } = located.manifest;
  const { copies, unasked } = await copiesOf({
    resources,
    config,
    located,
    jobsOf: (storages) => (here ? Promise.resolve(new Map()) : askRedis(context, { backupId, storages })),
    signal: context.signal,
  });
  for (const { message } of unasked)
    context.say(`warning: whether there is another copy is not known: ${message}`);
  return copies;
}

/** The jobs of the copies that are missing; none when Redis does not tell. */
async function askRedis(
  context: CliContext,
  asked: { backupId: string; storages: readonly string[] },
): Promise<ReadonlyMap<string, CopyJob>> {
  const { readCopyJobs } = await import('../copy-jobs.ts');
  try {
    return await readCopyJobs(context, asked);
  } catch (error) {
    if (!hasCode(error, 'REDIS_UNAVAILABLE')) throw error;
    context.say(`warning: whether a copy waits or has failed is not known: ${error.message}`);
    return new Map();
  }
}

async function textOf(
  context: CliContext,
  shown: { located: LocatedBackup; marks: Marks; copies: readonly ShownCopy[] },
): Promise<string> {
  const { backupText } = await import('../output/backup-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const { located, marks, copies } = shown;
  return backupText({
    manifest: located.manifest,
    storage: located.storage.name,
    copies,
    marks,
    now: context.clock(),
    width: widthOfTerminal(context.host.stdout),
  });
}
