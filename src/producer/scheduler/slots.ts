import { type Cron, latestSlot, nextSlot, slotsBetween } from '../../shared/cron.ts';

/** Finds the slots of a schedule again and again: thousands of them share few expressions, and most looks change nothing. */
export interface Slots {
  /** The newest at or before that instant; undefined where there is none. */
  latest(cron: Cron, at: Date): Date | undefined;
  /** How many come after one instant, up to and with another; of very many, some. */
  count(cron: Cron, after: Date, until: Date): number;
}

interface Known {
  latest: Date;
  /** Until then it is the latest; undefined is for ever. */
  next: Date | undefined;
  /** The slot before it, for schedules that are put off by more than has passed since. */
  earlier: Date | undefined;
}

/** Slots that are gone through one by one; over a longer absence the newest is found from its end. */
const few = 64;
/** Counts that are remembered; after an outage many schedules ask for the same. */
const most = 1_000;

export function createSlots(): Slots {
  const known = new Map<string, Known>();
  const counts = new Map<string, number>();
  return {
    latest: (cron, at) => {
      const key = keyOf(cron);
      const found = moved(cron, known.get(key), at);
      if (!found) return undefined;
      known.set(key, found);
      return at >= found.latest ? found.latest : found.earlier;
    },
    count: (cron, after, until) => {
      const key = `${after.getTime()} ${until.getTime()} ${keyOf(cron)}`;
      const found = counts.get(key) ?? slotsBetween(cron, after, until).length;
      if (counts.size >= most) counts.clear();
      counts.set(key, found);
      return found;
    },
  };
}

function keyOf({ pattern, tz }: Cron): string {
  return `${tz} ${pattern}`;
}

/** Anew where the clock was put back behind what is known. */
function moved(cron: Cron, known: Known | undefined, at: Date): Known | undefined {
  if (!known || at < (known.earlier ?? known.latest)) return findAnew(cron, at);
  const { latest, next } = known;
  if (next === undefined || at < next) return known;
  const passed = slotsBetween(cron, latest, at, few);
  const newest = passed.at(-1);
  if (!newest || passed.length === few) return findAnew(cron, at);
  return { latest: newest, next: nextSlot(cron, newest), earlier: passed.at(-2) ?? latest };
}

function findAnew(cron: Cron, at: Date): Known | undefined {
  const latest = latestSlot(cron, at);
  if (!latest) return undefined;
  const earlier = latestSlot(cron, new Date(latest.getTime() - 1));
  return { latest, next: nextSlot(cron, latest), earlier };
}
