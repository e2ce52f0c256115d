import { readManifest } from '../../pipeline/catalog/catalog.ts';
import { restore } from '../../pipeline/restore.ts';
import { parsePayload, type RestoreResult } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import { expectedDatabase } from '../drift.ts';
import type { Start } from '../job.ts';
import { startMonitor } from '../monitor.ts';

/** Restores a backup to a server of the configuration. */
export async function processRestore(context: WorkerContext, start: Start): Promise<RestoreResult> {
  const payload = parsePayload('restore', start.job.data);
  const target = await expectedDatabase(context, start, payload);
  const { resources, config, clock } = context;
  const { job, signal, abort, logger } = start;
  const startedAt = clock();
  const storage = await resources.storage(payload.storages[0] ?? '');
  const manifest = await readManifest({ storage, backupId: payload.backupId, signal });
  const limits = { maxDuration: target.maxDuration, noBytes: config.timeouts.noBytes };
  const monitor = startMonitor({
    context,
    job,
    attemptId: null,
    expectedBytes: manifest.bytes,
    limits,
    abort,
  });
  logger.info('restore started', { target: target.name, targetDatabase: payload.targetDatabase });
  try {
    const { notes } = await restore({
      manifest,
      target: { url: target.url, database: payload.targetDatabase ?? undefined },
      options: { ...payload.options, confirm: payload.options.confirm ?? undefined },
      storage,
      engine: await resources.engine(manifest.engine.name),
      codecs: await resources.codecsOf(manifest),
      context: resources.context(signal),
      onPhase: monitor.phase,
      onBytes: monitor.bytes,
    });
    const duration = clock().getTime() - startedAt.getTime();
    logger.info('restore done', { duration });
    return { backupId: manifest.backupId, notes, duration };
  } finally {
    monitor.stop();
  }
}
