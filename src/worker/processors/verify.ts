import { readManifest } from '../../pipeline/catalog/catalog.ts';
import type { Codec } from '../../pipeline/codec/codec.ts';
import { drillOn } from '../../pipeline/drill.ts';
import type { Resources } from '../../pipeline/resources.ts';
import { verify } from '../../pipeline/verify.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { hasCode } from '../../shared/errors.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { type Payload, parsePayload, type VerifyResult } from '../../shared/queues/payloads.ts';
import type { VerifyLevel } from '../../shared/verification.ts';
import type { WorkerContext } from '../context.ts';
import { expectedDatabase } from '../drift.ts';
import type { Start } from '../job.ts';
import { startMonitor } from '../monitor.ts';

const day = 86_400_000;

/** Proves a backup and records the outcome beside it. */
export async function processVerify(context: WorkerContext, start: Start): Promise<VerifyResult> {
  const payload = parsePayload('verify', start.job.data);
  const { backupId, storage: storageName } = payload;
  const target = payload.target && (await expectedDatabase(context, start, payload.target));
  const { resources, config, clock } = context;
  const { signal, logger } = start;
  const storage = await resources.storage(storageName);
  const manifest = await readManifest({ storage, backupId, signal });
  const limits = { maxDuration: day, noBytes: config.timeouts.noBytes };
  const monitor = startMonitor({ context, start, attemptId: null, expectedBytes: manifest.bytes, limits });
  monitor.phase('verify');
  try {
    const database = findDatabase(config, payload.database);
    const { level, codecs } = await provable(resources, manifest, payload);
    const { seconds } = await verify({
      manifest,
      level,
      storage,
      engine: await resources.engine(manifest.engine.name),
      codecs,
      context: resources.context(signal),
      clock,
      onBytes: monitor.bytes,
      database,
      drill: drillOn(target, database, monitor.phase),
    });
    logger.info(`backup verified (${level})`, { seconds });
    await followUp(context, payload);
    return { backupId, level, seconds };
  } catch (error) {
    if (hasCode(error, 'VERIFY_FAILED')) await followUp(context, payload);
    throw error;
  } finally {
    monitor.stop();
  }
}

/**
 * The level that can be reached here, and the codecs that it needs. A worker without a key to an encrypted backup proves
 * after a commit what it can; who asks for more is refused with IDENTITY_MISSING.
 */
async function provable(
  resources: Resources,
  manifest: Manifest,
  { level, followUp: isFollowUp }: Payload<'verify'>,
): Promise<{ level: VerifyLevel; codecs: readonly Codec[] }> {
  if (level === 'checksum') return { level, codecs: [] };
  try {
    return { level, codecs: await resources.codecsOf(manifest) };
  } catch (error) {
    if (!isFollowUp || !hasCode(error, 'IDENTITY_MISSING')) throw error;
    return { level: 'checksum', codecs: [] };
  }
}

/** Old backups are retired only once it is known whether the newest is good; a verdict that it is not counts too. */
async function followUp(
  { config, enqueueMaintenance }: WorkerContext,
  { backupId, database: name, followUp: isFollowUp }: Payload<'verify'>,
): Promise<void> {
  const database = findDatabase(config, name);
  if (!isFollowUp || !database) return;
  await enqueueMaintenance({
    name: 'prune',
    jobId: `prune-${backupId}`,
    pool: database.pool,
    payload: { database: name, retire: true },
  });
}
