import type { Marks } from '../../../pipeline/catalog/marks.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { CliContext } from '../context.ts';
import type { LocatedBackup } from '../locate.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  storage: string | undefined;
}

export const showVerb = verb<Options>({
  command: 'show <backup>',
  describe: 'Show what a backup holds and how it was verified',
  exits: {
    1: 'its manifest is damaged',
    3: 'no such backup or storage',
    5: 'a storage that may hold it cannot be read',
  },
  builder: (parser) =>
    parser
      .positional('backup', {
        type: 'string',
        demandOption: true,
        describe: "A backup id, or a database's name for its latest",
      })
      .option('storage', { type: 'string', requiresArg: true, describe: 'Look only in this storage' })
      .option('here', {
        type: 'boolean',
        default: false,
        describe: 'Without Redis, as always: the storages are read directly',
      })
      .example('$0 show shop', 'The latest backup of `shop`'),
  run,
});

async function run(context: CliContext, { backup, storage }: Options): Promise<number> {
  const { locateBackup } = await import('../locate.ts');
  const { readMarks } = await import('../../../pipeline/catalog/marks.ts');
  const [config, resources] = [await context.config(), await context.resources()];
  const located = await locateBackup({ resources, config, backup, storage, signal: context.signal });
  const { manifest } = located;
  const marks = await readMarks({
    storage: located.storage,
    backupId: manifest.backupId,
    signal: context.signal,
  });
  const copies = await copiesOf(context, located);
  const text = await textOf(context, { located, marks, copies });
  context.print({ document: { manifest, storage: located.storage.name, copies, ...marks }, text });
  return 0;
}

/** The other storages that hold the same backup. One that cannot be read is told, and left out. */
async function copiesOf(
  context: CliContext,
  { storage, manifest }: LocatedBackup,
): Promise<{ storage: string }[]> {
  const { findManifest } = await import('../../../pipeline/catalog/catalog.ts');
  const resources = await context.resources();
  const copies: { storage: string }[] = [];
  for (const name of resources.storageNames.filter((each) => each !== storage.name)) {
    try {
      const copy = await findManifest({
        storage: await resources.storage(name),
        backupId: manifest.backupId,
        signal: context.signal,
      });
      if (copy?.attemptId === manifest.attemptId) copies.push({ storage: name });
    } catch (error) {
      if (!(error instanceof BackupDataError)) throw error;
      context.say(`warning: whether storage ${name} has a copy is not known: ${error.message}`);
    }
  }
  return copies;
}

async function textOf(
  context: CliContext,
  shown: { located: LocatedBackup; marks: Marks; copies: readonly { storage: string }[] },
): Promise<string> {
  const { backupText } = await import('../output/backup-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const { located, marks, copies } = shown;
  const storages = [located.storage.name, ...copies.map((each) => each.storage)];
  return backupText({
    manifest: located.manifest,
    storages,
    marks,
    now: context.clock(),
    width: widthOfTerminal(context.host.stdout),
  });
}
