import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { withOperations } from '../operations.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  storage: string | undefined;
  here: boolean;
}

export const showVerb = verb<Options>({
  command: 'show <backup>',
  remote: true,
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
  const { warnings, ...shown } = await withOperations(
    context,
    ({ operations, call }) => operations.showBackup({ backup, storage }, call),
    { here },
  );
  for (const warning of warnings) context.say(`warning: ${warning}`);
  const { backupText } = await import('../output/backup-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const text = backupText({ ...shown, now: context.clock(), width: widthOfTerminal(context.host.stdout) });
  context.print({ document: shown, text });
  return 0;
}
