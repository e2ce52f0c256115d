import { isDeepStrictEqual } from 'node:util';
import type { JobSchedulerJson, Queue } from 'bullmq';
import type { Schedule } from './schedules.ts';

/**
 * Makes the schedules in Redis those of the configuration. One that is as it should be is not touched: to write it again
 * would drop a run that is due. Where one that changed has such a run, `onOverdue` is called with its slot before.
 */
export async function reconcile(options: {
  queue: Queue;
  wanted: readonly Schedule[];
  now: Date;
  onOverdue: (schedule: Schedule, slot: Date) => Promise<void>;
}): Promise<void> {
  const { queue, wanted, now, onOverdue } = options;
  const stored = new Map((await queue.getJobSchedulers()).map((each) => [each.key, each]));
  const failures: unknown[] = [];
  for (const schedule of wanted) {
    const known = stored.get(schedule.id);
    if (known && isSame(known, schedule)) continue;
    try {
      if (known?.next !== undefined && known.next < now.getTime())
        await onOverdue(schedule, new Date(known.next));
      const { id, pattern, tz, data, opts } = schedule;
      await queue.upsertJobScheduler(id, { pattern, tz }, { name: 'tick', data, opts });
    } catch (error) {
      // The storage of one database may be away; the schedules of the others go on.
      failures.push(error);
    }
  }
  const ids = new Set(wanted.map(({ id }) => id));
  for (const id of stored.keys()) if (!ids.has(id)) await queue.removeJobScheduler(id);
  if (failures.length > 0) throw failures[0];
}

function isSame(known: JobSchedulerJson, { pattern, tz, data, opts }: Schedule): boolean {
  return (
    known.pattern === pattern &&
    known.tz === tz &&
    known.name === 'tick' &&
    isDeepStrictEqual(known.template, { data, opts })
  );
}
