import { setImmediate as breathe } from 'node:timers/promises';
import { latestSlot } from '../../shared/cron.ts';
import type { Account } from './ledger.ts';
import type { Change } from './reconcile.ts';
import type { Scheduled } from './schedules.ts';
import { dueSlot, runSlot, type SlotContext, seeToSlot } from './see-to-slot.ts';

/** Milliseconds that a tick has for its slot before it is looked after: nearly always it has been there. */
const patience = 15_000;
/** Schedules that are seen to at once. */
const batchSize = 16;
/** Schedules that are looked at before others get a turn. */
const stretch = 200;

/**
 * Sees to every schedule whose newest due slot nobody has seen to: Redis may have lost its tick, or everything. Whoever was
 * just `added` may have been known before; what passed meanwhile is not counted as missed. One that cannot be seen to leaves
 * the others; then the first failure is thrown.
 */
export async function catchUp(
  context: SlotContext,
  options: { scheduled: readonly Scheduled[]; added: ReadonlySet<string>; now: Date; signal: AbortSignal },
): Promise<void> {
  const { added, now, signal } = options;
  const at = new Date(now.getTime() - patience);
  const open = await openOf(context, options.scheduled, at);
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

async function openOf(
  { ledger, slots }: SlotContext,
  scheduled: readonly Scheduled[],
  at: Date,
): Promise<Scheduled[]> {
  const accounts = await ledger.readAll();
  const open: Scheduled[] = [];
  for (const [index, each] of scheduled.entries()) {
    if (index % stretch === stretch - 1) await breathe();
    const due = dueSlot(slots, each, at);
    if (due && isOpen(accounts.get(each.name), due)) open.push(each);
  }
  return open;
}

function isOpen(account: Account | undefined, due: Date): boolean {
  return account?.seenTo === undefined || account.seenTo < due;
}

/**
 * Before the definition of a schedule is written over: runs the slot of the old one that is due and was not seen to, and
 * counts the new one's slots from now on.
 */
export async function settleBeforeChange(
  context: SlotContext,
  { change: { schedule, known }, scheduled, now }: { change: Change; scheduled: Scheduled; now: Date },
): Promise<void> {
  if (known.pattern === undefined || (known.pattern === schedule.pattern && known.tz === schedule.tz)) return;
  const { name } = scheduled;
  const { seenTo, paused } = await context.ledger.read(name);
  if (!seenTo) return;
  const last = latestSlot({ pattern: known.pattern, tz: known.tz ?? 'UTC' }, now);
  if (!paused && last && last > seenTo) await runSlot(context, scheduled, last);
  const to = context.slots.latest(scheduled.cron, now);
  if (to && to > seenTo) await context.ledger.advance(name, { from: seenTo, to, missed: 0 });
}
