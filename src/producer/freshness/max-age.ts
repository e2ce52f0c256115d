import type { DatabasePolicy } from '../../shared/config/schema.ts';
import { longestGap } from '../../shared/cron.ts';

/** What decides how old the newest backup of a database may be. */
export type AgePolicy = Pick<DatabasePolicy, 'maxAge' | 'schedule' | 'timezone' | 'spread'>;

/** Gaps that are remembered; a fleet has few schedules, each of many databases. */
const most = 1_000;

/**
 * Gives how old the newest backup may be, in milliseconds; null where there is no limit. Where nothing was said, one run may
 * fail or be late before anybody is told: it is twice the longest time between two slots, and the spread.
 */
export function createMaxAges(clock: () => Date): (policy: AgePolicy) => number | null {
  const gaps = new Map<string, number>();
  return ({ maxAge, schedule, timezone: tz, spread }) => {
    if (maxAge !== null || schedule === null) return maxAge;
    const key = `${tz} ${schedule}`;
    const gap = gaps.get(key) ?? longestGap({ pattern: schedule, tz }, clock());
    if (gaps.size >= most) gaps.clear();
    gaps.set(key, gap);
    return 2 * gap + spread;
  };
}
