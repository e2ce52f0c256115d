import type { ResponseOf } from '../../operations/contract.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { type Service, withOperations } from '../operations.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
}

const exits = {
  3: 'no such backup',
  4: 'a storage that holds it belongs to another installation',
  5: 'a storage cannot be reached; it was done in the others all the same',
};

export const pinVerb = verb<Options>({
  command: 'pin <backup>',
  remote: true,
  describe: 'Keep a backup and its copies, whatever the retention says',
  exits,
  builder: (parser) =>
    parser
      .positional('backup', backupArgument)
      .example('$0 pin shop', 'Keep the latest backup of `shop` for good'),
  run: (context, { backup }) =>
    run(context, ({ operations, call }) => operations.pinBackup({ backup }, call)),
});

export const unpinVerb = verb<Options>({
  command: 'unpin <backup>',
  remote: true,
  describe: 'Let the retention decide again of a backup and its copies',
  exits,
  builder: (parser) =>
    parser
      .positional('backup', { type: 'string', demandOption: true, describe: 'A backup id' })
      .example('$0 unpin shop-20261122T124001Z-abc234', 'End the hold on it'),
  run: (context, { backup }) =>
    run(context, ({ operations, call }) => operations.unpinBackup({ backup }, call)),
});

async function run(
  context: CliContext,
  act: (service: Service) => Promise<ResponseOf<'pinBackup'>>,
): Promise<number> {
  const { backupId, pinned, storages, changed, failures } = await withOperations(context, act);
  const already = changed ? '' : ' already';
  const state = pinned ? 'pinned' : 'not pinned';
  context.print({
    document: { backupId, pinned, storages },
    text: `${backupId} is${already} ${state} in ${storages.join(', ')}`,
  });
  for (const failure of failures) context.complain(failure);
  return exitCodeOfAll(failures);
}
