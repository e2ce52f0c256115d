import { type PinOutcome, type PinRequest, pin, unpin } from '../../pipeline/pin.ts';
import { BackupDataError, toErrorDocument } from '../../shared/errors.ts';
import { isBackupId } from '../../shared/ids.ts';
import type { OperationsContext } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { locateBackup } from './locate.ts';
import { notLocated } from './not-located.ts';

/** Keeps a backup and its copies, whatever the retention says. */
export async function pinBackup(
  context: OperationsContext,
  { backup }: RequestOf<'pinBackup'>,
  call: Call,
): Promise<ResponseOf<'pinBackup'>> {
  const backupId = isBackupId(backup) ? backup : await latestOf(context, backup, call);
  return applyEverywhere(context, { backupId, apply: pin, pinned: true }, call);
}

/** Lets the retention decide again. USAGE for a database: its latest is not the one that was the latest when it was pinned. */
export async function unpinBackup(
  context: OperationsContext,
  { backup }: RequestOf<'unpinBackup'>,
  call: Call,
): Promise<ResponseOf<'unpinBackup'>> {
  if (isBackupId(backup))
    return applyEverywhere(context, { backupId: backup, apply: unpin, pinned: false }, call);
  throw new BackupDataError('USAGE', `unpin takes a backup id, and "${backup}" is none`, {
    hint: 'See which are pinned with `backupdata list`.',
  });
}

/** In every storage of the configuration. One that fails does not stop the others. */
async function applyEverywhere(
  { current, clock }: OperationsContext,
  action: { backupId: string; apply: (request: PinRequest) => Promise<PinOutcome>; pinned: boolean },
  { signal }: Call,
): Promise<ResponseOf<'pinBackup'>> {
  const { config, resources } = current();
  const { backupId, apply, pinned } = action;
  const outcomes = new Map<string, PinOutcome>();
  const failures: BackupDataError[] = [];
  for (const name of resources.storageNames) {
    try {
      const storage = await resources.storage(name);
      const shared = resources.isShared(name);
      const { installation } = config;
      outcomes.set(name, await apply({ storage, backupId, installation, shared, clock, signal }));
    } catch (error) {
      if (!(error instanceof BackupDataError)) throw error;
      failures.push(error);
    }
  }
  const holding = [...outcomes].filter(([, outcome]) => outcome !== 'absent');
  if (holding.length === 0) throw failures[0] ?? (await notFound({ current }, backupId, signal));
  return {
    backupId,
    pinned,
    storages: holding.map(([storage]) => storage),
    changed: holding.some(([, outcome]) => outcome !== 'unchanged'),
    failures: failures.map(toErrorDocument),
  };
}

async function latestOf({ current }: OperationsContext, backup: string, { signal }: Call): Promise<string> {
  const { manifest } = await locateBackup({ ...current(), backup, signal });
  return manifest.backupId;
}

async function notFound(
  { current }: Pick<OperationsContext, 'current'>,
  backup: string,
  signal: AbortSignal,
): Promise<BackupDataError> {
  const { config, resources } = current();
  const storages = await Promise.all(resources.storageNames.map((name) => resources.storage(name)));
  return notLocated({ backup, config, storages, signal });
}
