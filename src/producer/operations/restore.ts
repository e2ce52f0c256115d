import { dirname, resolve } from 'node:path';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { locateBackup } from './locate.ts';
import { unreadWarnings } from './unread.ts';

/** Has a worker restore a backup to the server of a configured database. */
export async function startRestore(
  context: OperationsContext,
  request: RequestOf<'restore'>,
  { signal, namesFiles = false }: Call,
): Promise<ResponseOf<'restore'>> {
  const { config, resources } = context.current();
  const { backup, storage, database, targetDatabase, confirm, ...options } = request;
  const target = resources.database(database);
  if (!namesFiles) refusePath(target, targetDatabase);
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

/** Whoever comes over a network could write files anywhere on the machine of a worker. */
function refusePath(database: DatabaseConfig, target: string | undefined): void {
  const { name, engine } = database;
  if (target === undefined || (engine !== 'sqlite' && engine !== 'redis')) return;
  const folder = engine === 'sqlite' ? dirname(database.path) : undefined;
  if (folder !== undefined && resolve(target) === target && dirname(target) === folder) return;
  throw new BackupDataError(
    'FORBIDDEN',
    'a producer has a file restored to the folder of its database alone',
    {
      hint:
        folder === undefined
          ? `${name} has no file: restore it by a command on the worker's machine.`
          : `Name a file in ${folder} by its whole path, or restore by a command on the worker's machine.`,
    },
  );
}
