import type { Scheduled } from './schedules.ts';

/** By the name in the ledger. */
type Named = Pick<Scheduled, 'name' | 'cron'>;

/**
 * Since when this producer has had the schedule of each database: the slots that came after that are its to see to, though
 * another producer, with a configuration of another time, may have written its own schedule over it in Redis.
 */
export interface Held {
  /** To be told of all of them at each look; what is not among them is forgotten. */
  look(scheduled: readonly Named[], now: Date): void;
  /** `now` where it was not there at the last look. */
  since(scheduled: Named, now: Date): Date;
}

export function createHeld(): Held {
  let known = new Map<string, { definition: string; since: Date }>();
  const since = ({ name, cron }: Named, now: Date): Date => {
    const found = known.get(name);
    const isHeld = found?.definition === definitionOf(cron);
    // A clock that was ahead has been put right since.
    return isHeld && found.since < now ? found.since : now;
  };
  return {
    since,
    look: (scheduled, now) => {
      known = new Map(
        scheduled.map((each) => [
          each.name,
          { definition: definitionOf(each.cron), since: since(each, now) },
        ]),
      );
    },
  };
}

function definitionOf({ pattern, tz }: Scheduled['cron']): string {
  return `${tz} ${pattern}`;
}
