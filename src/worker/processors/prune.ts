import { type Claim, ownerOf } from '../../pipeline/catalog/installation.ts';
import { prune } from '../../pipeline/prune.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { sweep } from '../../pipeline/sweep.ts';
import { type Place, placesOf } from '../../shared/config/places.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { asBackupDataError, BackupDataError } from '../../shared/errors.ts';
import { retentionFingerprint } from '../../shared/fingerprint.ts';
import type { Logger } from '../../shared/logger.ts';
import { namedBackups } from '../../shared/queues/named-backups.ts';
import { leaseKey } from '../../shared/queues/names.ts';
import { type Payload, type PruneResult, parsePayload } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import { labelsOf } from '../counting.ts';
import type { Start } from '../job.ts';
import { startMonitor } from '../monitor.ts';

const day = 86_400_000;

/**
 * Retires backups of a database by the retention of each storage that holds them, then sweeps what dead attempts and
 * retired backups left. What can be done is done everywhere; then a failure is thrown, so that it is tried again.
 */
export async function processPrune(context: WorkerContext, start: Start): Promise<PruneResult> {
  const payload = parsePayload('prune', start.job.data);
  const database = context.resources.database(payload.database);
  if (payload.policy !== undefined && payload.policy !== retentionFingerprint(database))
    throw otherPolicy(context, payload.database);
  const limits = { maxDuration: day, noBytes: context.config.timeouts.noBytes };
  const monitor = startMonitor({ context, start, attemptId: null, expectedBytes: null, limits });
  monitor.phase('prune');
  try {
    return await pruneEverywhere(context, start, { payload, database });
  } finally {
    monitor.stop();
  }
}

function otherPolicy({ config }: WorkerContext, database: string): BackupDataError {
  return new BackupDataError(
    'CONFIG_DRIFT',
    `the worker's configuration (${config.origin}) keeps the backups of "${database}" by another policy than was shown; nothing was retired`,
    {
      hint: 'Start the workers again with the same configuration, then look at `backupdata prune` once more.',
    },
  );
}

async function pruneEverywhere(
  context: WorkerContext,
  start: Start,
  { payload, database }: { payload: Payload<'prune'>; database: DatabaseConfig },
): Promise<PruneResult> {
  const { everywhere, failures } = tryEverywhere(start.signal);
  const places = placesOf(database).filter(
    ({ storage }) => payload.storage === undefined || payload.storage === storage,
  );
  const owned = (await everywhere(places, (place) => openOwned(context, start, place))).flat();
  // Everywhere, before anything is swept: what was found bad at home is told there until its bytes go.
  const retired = await everywhere(payload.retire ? owned : [], (place) =>
    retireIn(context, start, { database, place, allSources: payload.allSources ?? false }),
  );
  const removed = await everywhere(owned, (place) => sweepIn(context, start, { database, place }));
  if (failures.length > 0) throw worst(failures, start.logger);
  const result = { retired: retired.flat(), removed: removed.reduce((sum, count) => sum + count, 0) };
  start.logger.info('prune done', { retired: result.retired.length, removed: result.removed });
  return result;
}

/** Does each of a list although others fail; their failures are kept. */
function tryEverywhere(signal: AbortSignal): {
  everywhere: <Item, Result>(
    items: readonly Item[],
    work: (item: Item) => Promise<Result>,
  ) => Promise<Result[]>;
  failures: BackupDataError[];
} {
  const failures: BackupDataError[] = [];
  return {
    failures,
    everywhere: async (items, work) => {
      const results = [];
      for (const item of items) {
        try {
          results.push(await work(item));
        } catch (error) {
          signal.throwIfAborted();
          failures.push(asBackupDataError(error));
        }
      }
      return results;
    },
  };
}

/** The one that decides whether the job is tried again: the first that may pass. The others are logged. */
function worst(failures: readonly BackupDataError[], logger: Logger): BackupDataError | undefined {
  const thrown = failures.find(({ retryable }) => retryable) ?? failures[0];
  for (const failure of failures) {
    if (failure !== thrown) logger.warn('a storage could not be pruned', { error: failure });
  }
  return thrown;
}

/** A place whose storage is this installation's. */
type Owned = Place & { opened: Storage };

async function openOwned(context: WorkerContext, { signal, logger }: Start, place: Place): Promise<Owned[]> {
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
  { database, place, allSources }: { database: DatabaseConfig; place: Owned; allSources: boolean },
): Promise<{ backupId: string; storage: string }[]> {
  if (!place.retention) return [];
  const { resources, clock } = context;
  const retired = await prune({
    database: { ...database, retention: place.retention },
    storage: place.opened,
    home: place.home === undefined ? undefined : await resources.storage(place.home),
    allSources,
    named: () => namedBackups(context),
    clock,
    signal,
  });
  const { storage } = place;
  for (const backupId of retired) logger.info('backup retired', { backupId, storage });
  const labels = { ...labelsOf(context, { database: database.name }), storage };
  context.metrics.pruneRetired.inc(labels, retired.length);
  return retired.map((backupId) => ({ backupId, storage }));
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
  const { storage } = place;
  if (removed > 0) logger.info('objects swept', { removed, storage });
  context.metrics.pruneRemoved.inc({ ...labelsOf(context, { database: database.name }), storage }, removed);
  return removed;
}
