import { exitCodeOf } from '../../../shared/errors.ts';
import type { BackupDocument } from '../../operations/documents.ts';
import type { CliContext } from '../context.ts';
import { withOperations } from '../operations.ts';
import { verb } from '../verb.ts';

interface Options {
  database: string | undefined;
  storage: string | undefined;
  here: boolean;
}

export const listVerb = verb<Options>({
  command: 'list [database]',
  remote: true,
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
  const { database, storage, here } = options;
  const { backups, failures } = await withOperations(
    context,
    ({ operations, call }) => operations.listBackups({ database, storage }, call),
    { here },
  );
  const text = await textOf(context, backups, options);
  context.print({ document: { backups }, text });
  for (const { problem } of backups) if (problem) context.say(`warning: ${problem.message}`);
  for (const failure of failures) context.complain(failure);
  return failures[0] ? exitCodeOf(failures[0].code) : 0;
}

async function textOf(
  context: CliContext,
  backups: readonly BackupDocument[],
  options: Options,
): Promise<string> {
  if (backups.length === 0) return emptyText(options);
  const { backupsTable } = await import('../output/backups-table.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const several = new Set(backups.map(({ storage }) => storage)).size > 1;
  return backupsTable({ backups, width: widthOfTerminal(context.host.stdout), several });
}

function emptyText({ database, storage }: Options): string {
  const where = storage === undefined ? '' : ` in storage ${storage}`;
  return `There are no backups${where} yet. Make one with \`backupdata backup ${database ?? '--all'}\`.`;
}
