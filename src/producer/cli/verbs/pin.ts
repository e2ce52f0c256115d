import type { PinOutcome, PinRequest } from '../../../pipeline/pin.ts';
import { BackupDataError, toErrorDocument } from '../../../shared/errors.ts';
import { isBackupId } from '../../../shared/ids.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
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
  describe: 'Keep a backup and its copies, whatever the retention says',
  exits,
  builder: (parser) =>
    parser
      .positional('backup', backupArgument)
      .example('$0 pin shop', 'Keep the latest backup of `shop` for good'),
  run: async (context, options) => {
    const { pin } = await import('../../../pipeline/pin.ts');
    return run(context, options, { apply: pin, pinned: true });
  },
});

export const unpinVerb = verb<Options>({
  command: 'unpin <backup>',
  describe: 'Let the retention decide again of a backup and its copies',
  exits,
  builder: (parser) =>
    parser
      .positional('backup', { type: 'string', demandOption: true, describe: 'A backup id' })
      .example('$0 unpin shop-20261122T124001Z-abc234', 'End the hold on it'),
  run: async (context, options) => {
    const { unpin } = await import('../../../pipeline/pin.ts');
    return run(context, options, { apply: unpin, pinned: false });
  },
});

interface Action {
  apply: (request: PinRequest) => Promise<PinOutcome>;
  pinned: boolean;
}

async function run(context: CliContext, { backup }: Options, action: Action): Promise<number> {
  const backupId = isBackupId(backup) ? backup : await latestToPin(context, backup, action);
  const { outcomes, failures } = await applyEverywhere(context, backupId, action);
  const holding = [...outcomes].filter(([, outcome]) => outcome !== 'absent');
  if (holding.length === 0) throw failures[0] ?? (await notFound(context, backupId));
  const storages = holding.map(([storage]) => storage);
  const already = holding.every(([, outcome]) => outcome === 'unchanged') ? ' already' : '';
  const state = action.pinned ? 'pinned' : 'not pinned';
  context.print({
    document: { backupId, pinned: action.pinned, storages },
    text: `${backupId} is${already} ${state} in ${storages.join(', ')}`,
  });
  for (const failure of failures) context.complain(toErrorDocument(failure));
  return exitCodeOfAll(failures);
}

/** The latest of a database is not the one that was the latest when it was pinned. */
async function latestToPin(context: CliContext, database: string, { pinned }: Action): Promise<string> {
  if (pinned) return latestOf(context, database);
  throw new BackupDataError('USAGE', `unpin takes a backup id, and "${database}" is none`, {
    hint: 'See which are pinned with `backupdata list`.',
  });
}

/** In every storage of the configuration. One that fails does not stop the others. */
async function applyEverywhere(
  context: CliContext,
  backupId: string,
  { apply }: Action,
): Promise<{ outcomes: ReadonlyMap<string, PinOutcome>; failures: readonly BackupDataError[] }> {
  const [config, resources] = [await context.config(), await context.resources()];
  const { installation } = config;
  const { signal, clock } = context;
  const outcomes = new Map<string, PinOutcome>();
  const failures: BackupDataError[] = [];
  for (const name of resources.storageNames) {
    try {
      const storage = await resources.storage(name);
      const shared = resources.isShared(name);
      outcomes.set(name, await apply({ storage, backupId, installation, shared, clock, signal }));
    } catch (error) {
      if (!(error instanceof BackupDataError)) throw error;
      failures.push(error);
    }
  }
  return { outcomes, failures };
}

async function latestOf(context: CliContext, backup: string): Promise<string> {
  const { locateBackup } = await import('../locate.ts');
  const [config, resources] = [await context.config(), await context.resources()];
  const { manifest } = await locateBackup({ resources, config, backup, signal: context.signal });
  return manifest.backupId;
}

async function notFound(context: CliContext, backup: string): Promise<BackupDataError> {
  const { notLocated } = await import('../not-located.ts');
  const [config, resources] = [await context.config(), await context.resources()];
  const storages = await Promise.all(resources.storageNames.map((name) => resources.storage(name)));
  return notLocated({ backup, config, storages, signal: context.signal });
}
