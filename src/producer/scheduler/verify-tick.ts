import { type CatalogEntry, listEntries, readManifest } from '../../pipeline/catalog/catalog.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { drillPlaceOf } from '../../shared/config/drill-places.ts';
import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import { hasCode } from '../../shared/errors.ts';
import { sourceFingerprint } from '../../shared/fingerprint.ts';
import { compactTime } from '../../shared/ids.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Client } from '../client/client.ts';
import { pickForVerification } from './rotation.ts';

export interface TickContext {
  config: Config;
  resources: Pick<Resources, 'storage'>;
  client: Pick<Client, 'verify'>;
  logger: Logger;
}

/** Enqueues the verification of one backup. The job's id is the slot's, so that a tick that is handled twice does it once. */
export async function verifyAtTick(
  context: TickContext,
  tick: { database: string; slot: Date; signal: AbortSignal },
): Promise<void> {
  const { config, client } = context;
  const logger = context.logger.child({ database: tick.database });
  const database = config.databases.get(tick.database);
  if (database?.verify.schedule === undefined) {
    logger.info('a verification was due of a database that has no schedule any more');
    return;
  }
  const chosen = await choose({ ...context, logger }, database, tick.signal);
  if (!chosen) {
    logger.info('a verification was due, and there is no backup yet');
    return;
  }
  const target = targetOf(config, database);
  const { name, storage, verify } = database;
  const jobId = await client.verify(
    {
      backupId: chosen.backupId,
      storage,
      database: name,
      level: verify.level,
      target: target && { database: target.name, source: sourceFingerprint(target) },
      followUp: false,
    },
    (target ?? database).pool,
    `verify-${name}-slot-${compactTime(tick.slot)}`,
  );
  logger.info('verification enqueued', { backupId: chosen.backupId, level: verify.level, jobId });
}

/** A backup whose manifest cannot be read is no candidate: nothing can be recorded of it, and it would be chosen for ever. */
async function choose(
  { resources, logger }: TickContext,
  { name, storage: storageName, verify }: DatabaseConfig,
  signal: AbortSignal,
): Promise<CatalogEntry | undefined> {
  const storage = await resources.storage(storageName);
  let entries = await listEntries({ storage, database: name, signal });
  for (;;) {
    const chosen = pickForVerification(entries, verify.level);
    if (!chosen || (await hasManifest(storage, chosen, { signal, logger }))) return chosen;
    entries = entries.filter((entry) => entry !== chosen);
  }
}

async function hasManifest(
  storage: Storage,
  { backupId }: CatalogEntry,
  { signal, logger }: { signal: AbortSignal; logger: Logger },
): Promise<boolean> {
  try {
    await readManifest({ storage, backupId, signal });
    return true;
  } catch (error) {
    const unusable = ['BACKUP_NOT_FOUND', 'MANIFEST_INVALID', 'FORMAT_UNSUPPORTED'] as const;
    if (!unusable.some((code) => hasCode(error, code))) throw error;
    logger.warn('a backup cannot be verified, because its manifest cannot be used', { backupId, error });
    return false;
  }
}

/** Only a drill on a server has one; the configuration was refused where it is missing. */
function targetOf({ databases }: Config, { engine, verify }: DatabaseConfig): DatabaseConfig | null {
  if (verify.level !== 'restore' || drillPlaceOf(engine) !== 'on a server') return null;
  return databases.get(verify.target ?? '') ?? null;
}
