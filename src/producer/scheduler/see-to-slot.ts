import { jitterOf } from '../../shared/cron.ts';
import { newBackupId } from '../../shared/ids.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Client } from '../client/client.ts';
import type { Held } from './held.ts';
import type { Account, Ledger } from './ledger.ts';
import type { Newest } from './newest.ts';
import type { Scheduled } from './schedules.ts';
import type { Slots } from './slots.ts';

export interface SlotContext {
  client: Pick<Client, 'backup' | 'discover'>;
  ledger: Ledger;
  slots: Slots;
  newest: Newest;
  held: Pick<Held, 'since'>;
  logger: Logger;
  /** Told of each number of slots that no run of their own was made for, perhaps more than once. */
  onMissed: (missed: { database: string; slots: number; latest: Date }) => Promise<void>;
}

interface Request {
  scheduled: Scheduled;
  /** Now. */
  at: Date;
  /** Whether the slots that get no run of their own are counted; by default they are. */
  isCounted?: boolean;
  signal: AbortSignal;
}

/** Milliseconds after which a slot was not run in time; `missed: skip` lets it pass then. */
const late = 60_000;
/**
 * Milliseconds by which the clocks of producers may differ. What is recorded further ahead was recorded by a clock that was
 * wrong: it tells nothing, or no slot would be run until then.
 */
const skew = 3_600_000;

/** The newest slot that was seen to; undefined where that is not known. */
export function seenBy({ seenTo }: Pick<Account, 'seenTo'>, at: Date): Date | undefined {
  return seenTo && seenTo.getTime() - at.getTime() <= skew ? seenTo : undefined;
}

/** When the newest slot that is due by `at` was, before it was put off; undefined where none is yet. */
export function dueSlot(slots: Slots, scheduled: Scheduled, at: Date): Date | undefined {
  return slots.latest(scheduled.cron, new Date(at.getTime() - jitterOf(scheduled)));
}

/**
 * Sees to the newest slot that is due of a schedule: enqueues its run, unless that slot was seen to. The slots before it
 * that nobody saw to are not run any more, but counted; so is one whose run was merged into one that waits. It may be called
 * any number of times, by any number of producers: the run of a slot has one id, and the ledger is advanced once.
 */
export async function seeToSlot(context: SlotContext, request: Request): Promise<void> {
  const due = dueSlot(context.slots, request.scheduled, request.at);
  if (due) await seeToDue(context, { ...request, due });
}

/** The same for a slot that is known to be due. */
export async function seeToDue(context: SlotContext, request: Request & { due: Date }): Promise<void> {
  const { ledger } = context;
  const { scheduled, at, due, isCounted = true } = request;
  const account = await ledger.read(scheduled.name);
  const seen = seenBy(account, at);
  if (seen && seen >= due) return;
  // Where something was recorded before, a loss shows by that.
  const generation = account.seenTo ? undefined : await ledger.generation();
  const missed = account.paused ? 0 : await runOrLetPass(context, { ...request, seen });
  const counted = isCounted ? missed : 0;
  const step = { from: account.seenTo, to: due, missed: counted, generation };
  // Before it is recorded: who dies in between has it told again, under the same id.
  if (counted > 0) await context.onMissed({ database: scheduled.name, slots: counted, latest: due });
  if (!(await ledger.advance(scheduled.name, step)) || counted === 0) return;
  context.logger.warn('slots of a schedule had no run of their own', {
    database: scheduled.name,
    slots: counted,
    slot: due,
  });
}

/** Gives the number of slots, up to the one that is due, that have no run of their own. */
async function runOrLetPass(
  context: SlotContext,
  options: { scheduled: Scheduled; at: Date; due: Date; seen: Date | undefined; signal: AbortSignal },
): Promise<number> {
  const { scheduled, at, due, seen } = options;
  if (seen === undefined && !(await wasLost(context, options))) return 0;
  const before = seen ? context.slots.count(scheduled.cron, seen, due) - 1 : 0;
  if (scheduled.missed === 'skip' && at.getTime() - due.getTime() - jitterOf(scheduled) > late)
    return before + 1;
  return before + ((await runSlot(context, scheduled, due)) === 'merged' ? 1 : 0);
}

/**
 * Of a schedule that the ledger does not know, whether the slot is to be run: not where a backup is as young as that slot, and
 * not of a new one, which has no backup and begins with its next slot. New is one that this producer got after the slot.
 */
async function wasLost(
  { newest, held }: SlotContext,
  { scheduled, at, due, signal }: { scheduled: Scheduled; at: Date; due: Date; signal: AbortSignal },
): Promise<boolean> {
  const { name, entry } = scheduled;
  const isNew = held.since(scheduled, at) >= due;
  if ('server' in entry) return !isNew || newest.hasAny(entry.server, signal);
  const found = await newest.ofDatabase(entry.database, signal);
  if (!found) return !isNew;
  return found.snapshotAt < due && found.backupId !== newBackupId({ database: name, at: due, slot: due });
}

/** Enqueues the run of a slot, which has the same id whoever enqueues it, and however often. */
async function runSlot(
  { client, logger }: Pick<SlotContext, 'client' | 'logger'>,
  { name, entry }: Scheduled,
  slot: Date,
): Promise<'own' | 'merged'> {
  const enqueued =
    'database' in entry
      ? await client.backup(entry.database, slot)
      : await client.discover(entry.server, slot);
  const merged = enqueued.as === 'joined';
  logger.info(merged ? 'a slot was merged into a run that waits' : 'the run of a slot is enqueued', {
    database: name,
    slot,
    backupId: 'database' in entry ? enqueued.jobId : undefined,
    jobId: enqueued.jobId,
  });
  return merged ? 'merged' : 'own';
}
