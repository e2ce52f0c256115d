import { type Cron, latestSlot, nextSlot, slotsBetween } from '../../shared/cron.ts';

/** Finds the newest slot of a schedule again and again: thousands of them share few expressions, and most looks change nothing. */
export interface Slots {
  /** At or before that instant; undefined where there is none. */
  latest(cron: Cron, at: Date): Date | undefined;
}

interface Known {
  latest: Date;
  /** Until then it is the latest; undefined is for ever. */
  next: Date | undefined;
  /** The slot before it, for schedules that are put off by more than has passed since. */
  earlier: Date | undefined;
}

export function createSlots(): Slots {
  const known = new Map<string, Known>();
  return {
    latest: (cron, at) => {
      const key = `${cron.tz} ${cron.pattern}`;
      const found = advanced(cron, known.get(key), at);
      if (!found) return undefined;
      known.set(key, found);
      if (at >= found.latest) return found.latest;
      if (found.earlier === undefined || at < found.earlier) found.earlier = latestSlot(cron, at);
      return found.earlier;
    },
  };
}

function advanced(cron: Cron, known: Known | undefined, at: Date): Known | undefined {
  if (known && (known.next === undefined || at < known.next)) return known;
  const passed = known ? slotsBetween(cron, known.latest, at) : [];
  const latest = passed.at(-1) ?? latestSlot(cron, at);
  return latest && { latest, next: nextSlot(cron, latest), earlier: passed.at(-2) ?? known?.latest };
}
