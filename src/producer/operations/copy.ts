import type { Resources } from '../../pipeline/resources.ts';
import type { Config } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { type LocatedBackup, locateBackup } from './locate.ts';
import { poolFor } from './pool-for.ts';
import { unreadWarnings } from './unread.ts';

/** Has a worker copy a backup to another storage. */
export async function startCopy(
  context: OperationsContext,
  request: RequestOf<'copy'>,
  { signal }: Call,
): Promise<ResponseOf<'copy'>> {
  const { config, resources } = context.current();
  const located = await locateForCopy({ ...request, config, resources, signal });
  const { backupId, database } = located.manifest;
  const { client } = await sessionOf(context);
  const asked = await client.copy(
    { backupId, database, from: located.storage.name, to: request.to },
    poolFor(config, database),
  );
  return { ...asked, backupId, warnings: unreadWarnings(located, context.clock()) };
}

/** The backup to copy. USAGE where it is read from the storage that is to get the copy. */
export async function locateForCopy(options: {
  backup: string;
  to: string;
  storage?: string | undefined;
  config: Config;
  resources: Resources;
  signal: AbortSignal;
}): Promise<LocatedBackup> {
  const { to, resources } = options;
  const target = await resources.storage(to);
  const located = await locateBackup(options);
  if (located.storage !== target) return located;
  throw new BackupDataError('USAGE', `${located.manifest.backupId} is in storage ${to} already`, {
    hint: 'To copy it from another storage, name that one with --storage.',
  });
}
