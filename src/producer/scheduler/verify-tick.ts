import {
  type CatalogEntry,
  databasesStored,
  listEntries,
  readManifest,
} from '../../pipeline/catalog/catalog.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { drillPlaceOf } from '../../shared/config/drill-places.ts';
import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { hasCode } from '../../shared/errors.ts';
import { sourceFingerprint } from '../../shared/fingerprint.ts';
import { compactTime } from '../../shared/ids.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Client } from '../client/client.ts';
import type { Current } from '../current.ts';
import { pickForVerification } from './rotation.ts';

export interface TickContext {
  current: Current;
  client: Pick<Client, 'verify'>;
  logger: Logger;
  clock: () => Date;
}

/** Enqueues the verification of one backup; of a server, of one of each of its databases. The job's id is the slot's, so that a tick that is handled twice does it once. False where it has no schedule here. */
export async function verifyAtTick(
  context: TickContext,
  tick: { database: string; slot: Date; signal: AbortSignal },
): Promise<boolean> {
  const { config, resources } = context.current();
  const logger = context.logger.child({ database: tick.database });
  const server = config.servers.get(tick.database)?.template;
  const due = server ?? findDatabase(config, tick.database);
  if (due?.verify.schedule === undefined) {
    logger.info('a verification was due of a database that has no schedule any more');
    return false;
  }
  if (!server) {
    await verifyOne({ ...context, logger }, due, tick);
    return true;
  }
  const storage = await resources.storage(server.storage);
  const stored = await databasesStored({ storage, server: server.name, signal: tick.signal });
  const databases = stored.flatMap((name) => findDatabase(config, name) ?? []);
  if (databases.length === 0) logger.info('a verification was due of a server that has no backup yet');
  for (const database of databases)
    await verifyOne(
      { ...context, logger: context.logger.child({ database: database.name }) },
      database,
      tick,
    );
  return true;
}

async function verifyOne(
  context: TickContext,
  database: DatabaseConfig,
  tick: { slot: Date; signal: AbortSignal },
): Promise<void> {
  const { client, logger } = context;
  const chosen = await choose(context, database, tick.signal);
  if (!chosen) {
    logger.info('a verification was due, and there is no backup yet');
    return;
  }
  const target = targetOf(context.current().config, database);
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
  { current, logger }: TickContext,
  { name, storage: storageName, verify }: DatabaseConfig,
  signal: AbortSignal,
): Promise<CatalogEntry | undefined> {
  const storage = await current().resources.storage(storageName);
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
function targetOf(config: Config, { engine, verify }: DatabaseConfig): DatabaseConfig | null {
  if (verify.level !== 'restore' || drillPlaceOf(engine) !== 'on a server') return null;
  return findDatabase(config, verify.target ?? '') ?? null;
}
