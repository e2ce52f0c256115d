import type { DatabasePolicy } from '../../shared/config/schema.ts';
import { longestGap } from '../../shared/cron.ts';

/** What decides how old the newest backup of a database may be. */
export type AgePolicy = Pick<DatabasePolicy, 'maxAge' | 'schedule' | 'timezone' | 'spread'>;

/** Gaps that are remembered; a fleet has few of them, however its slots are spread over the day. */
const most = 1_000;

/**
 * Gives how old the newest backup may be, in milliseconds; null where there is no limit. Where nothing was said, one run may
 * fail or be late before anybody is told: it is twice the longest time between two slots, and the spread.
 */
export function createMaxAges(clock: () => Date): (policy: AgePolicy) => number | null {
  const gaps = new Map<string, number>();
  const known = new WeakMap<AgePolicy, number | null>();
  const find = ({ maxAge, schedule, timezone: tz, spread }: AgePolicy): number | null => {
    if (maxAge !== null || schedule === null) return maxAge;
    const pattern = withoutTime(schedule);
    const key = `${tz} ${pattern}`;
    const gap = gaps.get(key) ?? longestGap({ pattern, tz }, clock());
    if (gaps.size >= most) gaps.clear();
    gaps.set(key, gap);
    return 2 * gap + spread;
  };
  return (policy) => {
    const found = known.get(policy) ?? find(policy);
    known.set(policy, found);
    return found;
  };
}

/** One minute, or one hour, is as far from the same a day later as any other; noon comes once a day in every zone. */
function withoutTime(schedule: string): string {
  const [minute = '', hour = '', ...days] = schedule.trim().split(/\s+/);
  return [isOne(minute) ? '0' : minute, isOne(hour) ? '12' : hour, ...days].join(' ');
}

function isOne(field: string): boolean {
  return /^\d+$/.test(field);
}
