import { jitterOf, latestSlot } from '../../shared/cron.ts';
import type { Ledger } from './ledger.ts';
import type { Scheduled } from './schedules.ts';

/**
 * Lets a schedule go on with its next slot; gives whether it was paused. The slots of the pause are let pass by the producers;
 * where none was up, nobody has recorded it, and they would be taken for missed.
 */
export async function resumeSchedule({
  ledger,
  scheduled,
  now,
}: {
  ledger: Ledger;
  scheduled: Scheduled;
  now: Date;
}): Promise<boolean> {
  const { name, cron } = scheduled;
  const { seenTo: from, paused } = await ledger.read(name);
  const to = latestSlot(cron, new Date(now.getTime() - jitterOf(scheduled)));
  if (paused && from && to && to > from) await ledger.advance(name, { from, to, missed: 0 });
  return ledger.resume(name);
}
