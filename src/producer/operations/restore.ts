import { type OperationsContext, sessionOf } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { locateBackup } from './locate.ts';
import { unreadWarnings } from './unread.ts';

/** Has a worker restore a backup to the server of a configured database. */
export async function startRestore(
  context: OperationsContext,
  request: RequestOf<'restore'>,
  { signal }: Call,
): Promise<ResponseOf<'restore'>> {
  const { config, resources } = context.current();
  const { backup, storage, database, targetDatabase, confirm, ...options } = request;
  const target = resources.database(database);
  // On the worst day an older backup is better than none; the warning says what it may lack.
  const located = await locateBackup({ resources, config, backup, storage, orOlder: true, signal });
  const { client } = await sessionOf(context);
  const { backupId } = located.manifest;
  const jobId = await client.restore(
    {
      backupId,
      storages: [located.storage, ...located.others].map(({ name }) => name),
      database: target.name,
      targetDatabase: targetDatabase ?? null,
      options: { ...options, confirm: confirm ?? null },
    },
    target,
  );
  return { jobId, backupId, warnings: unreadWarnings(located, context.clock()) };
}
