import { sweep } from '../../pipeline/sweep.ts';
import { leaseKey } from '../../shared/queues/names.ts';
import { type PruneResult, parsePayload } from '../../shared/queues/payloads.ts';
import type { WorkerContext } from '../context.ts';
import type { Start } from '../job.ts';

const day = 86_400_000;

/** Removes what dead attempts of a database left behind, once nothing can still be writing it. */
export async function processPrune(
  context: WorkerContext,
  { job, signal, logger }: Start,
): Promise<PruneResult> {
  const { database: name } = parsePayload('prune', job.data);
  const { resources, config, redis, clock } = context;
  const database = resources.database(name);
  const live = await redis.get(leaseKey(config.installation, name));
  const removed = await sweep({
    storage: await resources.storage(database.storage),
    database: name,
    olderThan: new Date(clock().getTime() - Math.max(day, 2 * database.maxDuration)),
    live: new Set(live === null ? [] : [live]),
    signal,
  });
  if (removed > 0) logger.info('orphans removed', { removed });
  return { retired: [], removed };
}
