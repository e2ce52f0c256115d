import { latestSlot } from '../../shared/cron.ts';
import { type Apart, tickPatience } from './catch-up.ts';
import type { Held } from './held.ts';
import type { Ledger } from './ledger.ts';
import type { Change } from './reconcile.ts';
import type { Schedule } from './schedules.ts';
import { seenBy } from './see-to-slot.ts';
import type { Slots } from './slots.ts';
import { type TickContext, verifyAtTick } from './verify-tick.ts';

export interface VerifySlotContext extends TickContext {
  ledger: Ledger;
  slots: Slots;
  held: Pick<Held, 'since'>;
}

/** Enqueues the verification of a slot and records that it was; one whose storage cannot be read stays due. */
export async function seeToVerification(
  context: VerifySlotContext,
  tick: { database: string; slot: Date; signal: AbortSignal },
): Promise<void> {
  const isScheduled = await verifyAtTick(context, tick);
  // Another producer may have the schedule, and this one not yet.
  if (!isScheduled) return;
  const name = ledgerName(tick.database);
  const { seenTo: from } = await context.ledger.read(name);
  const seen = seenBy({ seenTo: from }, context.clock());
  if (!seen || seen < tick.slot) await context.ledger.advance(name, { from, to: tick.slot, missed: 0 });
}

/**
 * Sees to the newest due slot of each schedule of verifications whose tick was lost, or failed for good. One that the ledger
 * does not know begins with its next slot.
 */
export async function catchUpVerifications(
  context: VerifySlotContext,
  options: {
    schedules: readonly Schedule[];
    apart: Apart;
    storageOf: (database: string) => string;
    signal: AbortSignal;
  },
): Promise<void> {
  const { ledger, slots, clock } = context;
  const { schedules, apart, storageOf, signal } = options;
  const at = new Date(clock().getTime() - tickPatience);
  const accounts = await ledger.readAll();
  const open: { database: string; slot: Date }[] = [];
  for (const { data, ...cron } of schedules) {
    if (data.kind !== 'verify') continue;
    const name = ledgerName(data.database);
    const from = accounts.get(name)?.seenTo;
    const [slot, seen] = [slots.latest(cron, at), seenBy({ seenTo: from }, at)];
    if (!slot || (seen && seen >= slot)) continue;
    if (seen) open.push({ database: data.database, slot });
    else await ledger.advance(name, { from, to: slot, missed: 0 });
  }
  for (const [storage, due] of Map.groupBy(open, ({ database }) => storageOf(database)))
    await apart(`verify:${storage}`, async () => {
      const failures: unknown[] = [];
      for (const each of due)
        await seeToVerification(context, { ...each, signal }).catch((error) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    });
}

/** Before the definition is written over: what is due by the old one, and the new one's slots count from when it was there. */
export async function settleVerification(
  context: VerifySlotContext,
  { schedule, known, signal }: Change & { signal: AbortSignal },
): Promise<void> {
  const { database } = schedule.data;
  const now = context.clock();
  if (known.next !== undefined && known.next < now.getTime())
    await seeToVerification(context, { database, slot: new Date(known.next), signal });
  if (known.pattern === schedule.pattern && known.tz === schedule.tz) return;
  const name = ledgerName(database);
  const { seenTo: from } = await context.ledger.read(name);
  const to = latestSlot(schedule, context.held.since({ name, cron: schedule }, now));
  if (from && to && to > from) await context.ledger.advance(name, { from, to, missed: 0 });
}

/** Beside those of backups, which have the name alone; no database has a colon in its name. */
export function ledgerName(database: string): string {
  return `verify:${database}`;
}
