import { setImmediate as breathe } from 'node:timers/promises';
import { latestSlot } from '../../shared/cron.ts';
import type { Change } from './reconcile.ts';
import type { Scheduled } from './schedules.ts';
import { dueSlot, type SlotContext, seenBy, seeToDue, seeToSlot } from './see-to-slot.ts';

/** Milliseconds that a tick has for its slot before it is looked after: nearly always it has been there. */
export const tickPatience = 15_000;
/** Schedules that are seen to at once. */
const batchSize = 16;
/** Schedules that are looked at before others get a turn. */
const stretch = 200;

/** Does the work of one storage beside the look; what it throws is told. */
export type Apart = (storage: string, work: () => Promise<void>) => Promise<void>;

/**
 * Sees to every schedule whose newest due slot nobody has seen to: Redis may have lost its tick, or everything. Whoever was
 * just `added` may have been known before; what passed meanwhile is not counted as missed. One that cannot be seen to leaves
 * the others; then the first failure is thrown. Those that the ledger does not know need their storage, and go `apart`: one
 * that hangs holds up neither the others nor the look.
 */
export async function catchUp(
  context: SlotContext,
  options: {
    scheduled: readonly Scheduled[];
    added: ReadonlySet<string>;
    now: Date;
    apart?: Apart;
    signal: AbortSignal;
  },
): Promise<void> {
  const { now, apart = (_storage, work) => work() } = options;
  const at = new Date(now.getTime() - tickPatience);
  const { known, lost } = await openOf(context, options.scheduled, { at, now });
  const works = [
    () => seeToAll(context, { ...options, open: known, at }),
    ...[...Map.groupBy(lost, storageOf)].map(
      ([storage, open]) =>
        () =>
          apart(storage, () => seeToAll(context, { ...options, open, at: now })),
    ),
  ];
  const ended = await Promise.allSettled(works.map((work) => work()));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

async function seeToAll(
  context: SlotContext,
  options: { open: readonly Scheduled[]; at: Date; added: ReadonlySet<string>; signal: AbortSignal },
): Promise<void> {
  const { open, at, added, signal } = options;
  const failures: unknown[] = [];
  for (let start = 0; start < open.length; start += batchSize) {
    signal.throwIfAborted();
    const ended = await Promise.allSettled(
      open
        .slice(start, start + batchSize)
        .map((scheduled) =>
          seeToSlot(context, { scheduled, at, isCounted: !added.has(scheduled.name), signal }),
        ),
    );
    for (const end of ended) if (end.status === 'rejected') failures.push(end.reason);
  }
  if (failures.length > 0) throw failures[0];
}

function storageOf({ entry }: Scheduled): string {
  return 'database' in entry ? entry.database.storage : entry.server.template.storage;
}

async function openOf(
  { ledger, slots }: SlotContext,
  scheduled: readonly Scheduled[],
  { at, now }: { at: Date; now: Date },
): Promise<{ known: Scheduled[]; lost: Scheduled[] }> {
  const accounts = await ledger.readAll();
  const [known, lost]: [Scheduled[], Scheduled[]] = [[], []];
  for (const [index, each] of scheduled.entries()) {
    if (index % stretch === stretch - 1) await breathe();
    const seen = seenBy(accounts.get(each.name) ?? { seenTo: undefined }, at);
    // No tick of what is new is on its way: were its slot of a moment ago left to the next look, that would run it.
    const due = dueSlot(slots, each, seen ? at : now);
    if (due && (seen === undefined || seen < due)) (seen ? known : lost).push(each);
  }
  return { known, lost };
}

/**
 * Before the definition of a schedule is written over: sees to the slot of the old one that is due, even if it is still put
 * off, and counts the new one's slots from when this producer had it.
 */
export async function settleBeforeChange(
  context: SlotContext,
  options: { change: Change; scheduled: Scheduled; now: Date; signal: AbortSignal },
): Promise<void> {
  const { change, scheduled, now, signal } = options;
  const { schedule, known } = change;
  if (known.pattern === undefined || (known.pattern === schedule.pattern && known.tz === schedule.tz)) return;
  const { name } = scheduled;
  if (!(await context.ledger.read(name)).seenTo) return;
  const old = { ...scheduled, cron: { pattern: known.pattern, tz: known.tz ?? 'UTC' } };
  const last = latestSlot(old.cron, now);
  if (last) await seeToDue(context, { scheduled: old, due: last, at: now, signal });
  const { seenTo } = await context.ledger.read(name);
  const to = latestSlot(scheduled.cron, context.held.since(scheduled, now));
  if (to && seenTo && to > seenTo) await context.ledger.advance(name, { from: seenTo, to, missed: 0 });
}
