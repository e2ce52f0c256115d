import { createHash } from 'node:crypto';
import { CronExpression, CronExpressionParser, type CronFieldCollection } from 'cron-parser';

/**
 * When something is due. The parser is the one, in the one version, by which BullMQ finds the next slot: another would
 * differ where clocks are put forward or back. Importing this file loads it; import it where something is scheduled.
 */
export interface Cron {
  /** Minute, hour, day of the month, month, weekday. */
  pattern: string;
  /** IANA. */
  tz: string;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 86_400_000;
/** Milliseconds. Each step is some dozens of slots at most, of a pattern that had none in the step before. */
const lookBack = [2 * minute, hour, 26 * hour, 9 * day, 63 * day, 400 * day, 9 * 366 * day];

/** Whether it has five fields and ever comes. A sixth would be seconds, and `H` a time at random; the parser takes both. */
export function isSchedule({ pattern, tz }: Cron): boolean {
  if (pattern.trim().split(/\s+/).length !== 5 || /\bH\b/i.test(pattern)) return false;
  try {
    return nextSlot({ pattern, tz }, new Date(0)) !== undefined;
  } catch {
    return false;
  }
}

/** The first slot after that instant; undefined where there is none. */
export function nextSlot(cron: Cron, after: Date): Date | undefined {
  return slotsAfter(cron, after).next().value;
}

/** The next slots after that instant, at most so many. */
export function nextSlots(cron: Cron, after: Date, most: number): Date[] {
  return slotsAfter(cron, after).take(most).toArray();
}

/**
 * The newest slot at or before that instant; undefined where there is none in the years before. It is looked for forwards
 * from further and further back: backwards the parser finds other instants around a change of the clocks.
 */
export function latestSlot(cron: Cron, at: Date): Date | undefined {
  for (const back of lookBack) {
    const slot = slotsBetween(cron, before(at, back), at).findLast((each) => isSlot(cron, each));
    if (slot) return slot;
  }
  return undefined;
}

/** In an hour that comes twice, the second is none, but looks like one from within that hour. */
function isSlot(cron: Cron, slot: Date): boolean {
  return (
    slotsBetween(cron, before(slot, 3 * hour), slot)
      .at(-1)
      ?.getTime() === slot.getTime()
  );
}

function before(at: Date, milliseconds: number): Date {
  return new Date(at.getTime() - milliseconds);
}

/** The slots after one instant, up to and with another; the first `most` of them. */
export function slotsBetween(cron: Cron, after: Date, until: Date, most = 10_000): Date[] {
  const slots: Date[] = [];
  for (const slot of slotsAfter(cron, after)) {
    if (slot > until || slots.length >= most) break;
    slots.push(slot);
  }
  return slots;
}

/** Milliseconds of the longest time between two of the next slots. */
export function longestGap(cron: Cron, after: Date): number {
  return Math.max(...gaps(cron, after), 0);
}

/** Milliseconds of the shortest; Infinity where there is only one. */
export function shortestGap(cron: Cron, after: Date): number {
  return Math.min(...gaps(cron, after));
}

function gaps(cron: Cron, after: Date): number[] {
  const slots = nextSlots(cron, after, 32).map((slot) => slot.getTime());
  return slots.slice(1).map((slot, index) => slot - (slots[index] ?? slot));
}

/** Milliseconds by which a database's slots are put off: at most `spread`, always the same, and another for each name. */
export function jitterOf({ name, spread }: { name: string; spread: number }): number {
  const share = createHash('sha256').update(name).digest().readUInt32BE() / 2 ** 32;
  return Math.floor(share * spread);
}

/** Each is found anew from the one before, as BullMQ does: an iteration of the parser drifts over a change of half an hour. */
function* slotsAfter({ pattern, tz }: Cron, after: Date): Generator<Date, undefined> {
  const { fields } = CronExpressionParser.parse(pattern, { tz, currentDate: after });
  for (let last = after; ; ) {
    const slot = firstAfter(fields, { tz, currentDate: last });
    if (slot === undefined || slot <= last) return;
    yield slot;
    last = slot;
  }
}

/** To ask whether there is one takes the parser as long as to find it. */
function firstAfter(
  fields: CronFieldCollection,
  options: { tz: string; currentDate: Date },
): Date | undefined {
  try {
    return new CronExpression(fields, options).next().toDate();
  } catch {
    return undefined;
  }
}
