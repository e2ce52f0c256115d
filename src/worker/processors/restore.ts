import { type FoundBackup, findBackup, unreadNotes } from '../../pipeline/catalog/find.ts';
import { restore } from '../../pipeline/restore.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { type Payload, parsePayload, type RestoreResult } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import { expectedDatabase } from '../drift.ts';
import type { Start } from '../job.ts';
import { startMonitor } from '../monitor.ts';
import { knownStorages } from '../storages.ts';

/** Restores a backup to a server of the configuration. */
export async function processRestore(context: WorkerContext, start: Start): Promise<RestoreResult> {
  const payload = parsePayload('restore', start.job.data);
  const target = await expectedDatabase(context, start, payload);
  const { resources, config, clock } = context;
  const { signal, logger } = start;
  const startedAt = clock();
  const found = await find(context, payload, signal);
  const { manifest, storage } = found;
  const limits = { maxDuration: target.maxDuration, noBytes: config.timeouts.noBytes };
  const monitor = startMonitor({ context, start, attemptId: null, expectedBytes: manifest.bytes, limits });
  logger.info('restore started', { target: target.name, targetDatabase: payload.targetDatabase });
  try {
    const restored = await restore({
      manifest,
      target: { source: target, database: payload.targetDatabase ?? undefined },
      options: { ...payload.options, confirm: payload.options.confirm ?? undefined },
      storage,
      fallbacks: found.storages.filter((each) => each !== storage),
      engine: await resources.engine(manifest.engine.name),
      codecs: await resources.codecsOf(manifest),
      context: resources.context(signal),
      onPhase: monitor.phase,
      onBytes: monitor.bytes,
    });
    const duration = clock().getTime() - startedAt.getTime();
    const notes = [...unreadNotes(found), ...restored.notes];
    logger.info('restore done', { duration, notes });
    return { backupId: manifest.backupId, notes, duration };
  } finally {
    monitor.stop();
  }
}

/** The backup from the first storage of the job that has it; one that only the producer knows is passed over. */
async function find(
  { resources }: WorkerContext,
  { storages: names, backupId }: Payload<'restore'>,
  signal: AbortSignal,
): Promise<FoundBackup & { storages: readonly Storage[] }> {
  const storages = await knownStorages(resources, names);
  const found = await findBackup({ storages, backupId, signal });
  if (found) return { ...found, storages };
  throw new BackupDataError(
    'BACKUP_NOT_FOUND',
    `no storage of ${storages.map(({ name }) => name).join(', ')} holds the backup ${backupId}`,
    { hint: 'See what there is with `backupdata list`.' },
  );
}
