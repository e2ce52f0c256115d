import { sourceFingerprint } from '../../shared/fingerprint.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { drillTargetOf, refuseIdleTarget } from './drill-target.ts';
import { locateBackup } from './locate.ts';
import { poolFor } from './pool-for.ts';
import { unreadWarnings } from './unread.ts';

/** Has a worker prove a backup; a drill is for one that reaches the server it is held on. */
export async function startVerify(
  context: OperationsContext,
  { backup, storage, level, target }: RequestOf<'verify'>,
  { signal }: Call,
): Promise<ResponseOf<'verify'>> {
  const { config, resources } = context.current();
  refuseIdleTarget({ level, target });
  const located = await locateBackup({ resources, config, backup, storage, signal });
  const { manifest } = located;
  const { backupId, database } = manifest;
  const name = drillTargetOf({ level, target, config, manifest });
  const server = name === undefined ? undefined : resources.database(name);
  const { client } = await sessionOf(context);
  const drill = server ? { database: server.name, source: sourceFingerprint(server) } : null;
  const jobId = await client.verify(
    { backupId, storage: located.storage.name, database, level, target: drill, followUp: false },
    server?.pool ?? poolFor(config, database),
  );
  return { jobId, backupId, warnings: unreadWarnings(located, context.clock()) };
}
