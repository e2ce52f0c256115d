import { isDeepStrictEqual } from 'node:util';
import type { JobSchedulerJson, Queue } from 'bullmq';
import type { Schedule } from './schedules.ts';

/** What is to be done for Redis to hold the schedules that are wanted. */
export interface Plan {
  added: readonly Schedule[];
  changed: readonly Change[];
  removed: readonly JobSchedulerJson[];
}

export interface Change {
  schedule: Schedule;
  /** As Redis has it until then. */
  known: JobSchedulerJson;
}

/** Schedules that are written at once. */
const batchSize = 64;

/**
 * Makes the schedules in Redis those of the configuration. One that is as it should be is not touched: to write it again
 * would drop a run that is due. `beforeChange` is called before one is written over: to see to what is due by the old
 * definition. One that cannot be written leaves the others; then the first failure is thrown.
 */
export async function reconcile(options: {
  queue: Queue;
  wanted: readonly Schedule[];
  beforeChange: (change: Change) => Promise<void>;
}): Promise<Plan> {
  const { queue, wanted, beforeChange } = options;
  const plan = await planOf(queue, wanted);
  const failures: unknown[] = [];
  const each = async <Item>(
    items: readonly Item[],
    work: (item: Item) => Promise<unknown>,
  ): Promise<void> => {
    for (let start = 0; start < items.length; start += batchSize) {
      const ended = await Promise.allSettled(items.slice(start, start + batchSize).map(work));
      for (const end of ended) if (end.status === 'rejected') failures.push(end.reason);
    }
  };
  await each(plan.changed, async (change) => {
    await beforeChange(change);
    await write(queue, change.schedule);
  });
  await each(plan.added, (schedule) => write(queue, schedule));
  await each(plan.removed, ({ key }) => queue.removeJobScheduler(key));
  if (failures.length > 0) throw failures[0];
  return plan;
}

/** Compares what is wanted with what Redis holds, and touches nothing. */
export async function planOf(queue: Queue, wanted: readonly Schedule[]): Promise<Plan> {
  const stored = new Map((await queue.getJobSchedulers()).map((known) => [known.key, known]));
  const ids = new Set(wanted.map(({ id }) => id));
  return {
    added: wanted.filter(({ id }) => !stored.has(id)),
    changed: wanted.flatMap((schedule) => {
      const known = stored.get(schedule.id);
      return known && !isSame(known, schedule) ? [{ schedule, known }] : [];
    }),
    removed: [...stored.values()].filter(({ key }) => !ids.has(key)),
  };
}

function write(queue: Queue, { id, pattern, tz, data, opts }: Schedule): Promise<unknown> {
  return queue.upsertJobScheduler(id, { pattern, tz }, { name: 'tick', data, opts });
}

function isSame(known: JobSchedulerJson, { pattern, tz, data, opts }: Schedule): boolean {
  return (
    known.pattern === pattern &&
    known.tz === tz &&
    known.name === 'tick' &&
    isDeepStrictEqual(known.template, { data, opts })
  );
}
