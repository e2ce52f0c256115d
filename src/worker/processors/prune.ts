import { type Claim, ownerOf } from '../../pipeline/catalog/installation.ts';
import { prune } from '../../pipeline/prune.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { sweep } from '../../pipeline/sweep.ts';
import { type Place, placesOf } from '../../shared/config/places.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { namedBackups } from '../../shared/queues/named-backups.ts';
import { leaseKey } from '../../shared/queues/names.ts';
import { type Payload, type PruneResult, parsePayload } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import type { Start } from '../job.ts';

const day = 86_400_000;

/**
 * Retires backups of a database by the retention of each storage that holds them, then sweeps what dead attempts and
 * retired backups left. What can be done is done everywhere; then the first failure is thrown, so that it is tried again.
 */
export async function processPrune(context: WorkerContext, start: Start): Promise<PruneResult> {
  const payload = parsePayload('prune', start.job.data);
  const database = context.resources.database(payload.database);
  const places = placesOf(database).filter(
    ({ storage }) => payload.storage === undefined || payload.storage === storage,
  );
  const failures: unknown[] = [];
  const attempt = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      start.signal.throwIfAborted();
      failures.push(error);
      return otherwise;
    }
  };
  const owned: Owned[] = [];
  for (const place of places) owned.push(...(await attempt(() => open(context, start, place), [])));
  // Everywhere, before anything is swept: what was found bad at home is told there until its bytes go.
  const retired: { backupId: string; storage: string }[] = [];
  for (const place of payload.retire ? owned : [])
    retired.push(...(await attempt(() => retireIn(context, start, { database, place, payload }), [])));
  let removed = 0;
  for (const place of owned) removed += await attempt(() => sweepIn(context, start, { database, place }), 0);
  if (failures.length > 0) throw failures[0];
  return { retired, removed };
}

/** A place whose storage is this installation's. */
type Owned = Place & { opened: Storage };

async function open(context: WorkerContext, { signal, logger }: Start, place: Place): Promise<Owned[]> {
  const { resources, config } = context;
  const opened = await resources.storage(place.storage);
  const claim: Claim = {
    storage: opened,
    installation: config.installation,
    shared: resources.isShared(place.storage),
    signal,
  };
  const owner = await ownerOf(claim);
  if (owner === 'us') return [{ ...place, opened }];
  logger.info(`nothing is retired or swept here: the storage belongs to ${owner}`, {
    storage: place.storage,
  });
  return [];
}

async function retireIn(
  context: WorkerContext,
  { signal, logger }: Start,
  { database, place, payload }: { database: DatabaseConfig; place: Owned; payload: Payload<'prune'> },
): Promise<{ backupId: string; storage: string }[]> {
  if (!place.retention) return [];
  const { resources, clock } = context;
  const retired = await prune({
    database: { ...database, retention: place.retention },
    storage: place.opened,
    home: place.home === undefined ? undefined : await resources.storage(place.home),
    allSources: payload.allSources ?? false,
    named: () => namedBackups(context),
    clock,
    signal,
  });
  for (const backupId of retired) logger.info('backup retired', { backupId, storage: place.storage });
  return retired.map((backupId) => ({ backupId, storage: place.storage }));
}

/** Never what a run may still be writing, nor what any other job names. */
async function sweepIn(
  context: WorkerContext,
  { signal, logger }: Start,
  { database, place }: { database: DatabaseConfig; place: Owned },
): Promise<number> {
  const { config, redis, clock } = context;
  const now = clock().getTime();
  const attempt = await redis.get(leaseKey(config.installation, database.name));
  const named = await namedBackups(context);
  const removed = await sweep({
    storage: place.opened,
    database: database.name,
    olderThan: new Date(now - Math.max(day, 2 * database.maxDuration)),
    retiredBefore: new Date(now - day),
    live: new Set([...named.keys(), ...(attempt === null ? [] : [attempt])]),
    signal,
  });
  if (removed > 0) logger.info('objects swept', { removed, storage: place.storage });
  return removed;
}
