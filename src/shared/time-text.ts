/** UTC to the second, for people: `2026-11-22 12:40:01Z`. */
export function formatTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** How long ago, in one unit: `just now`, `5m ago`, `3h ago`, `12d ago`; `in 5m` for a clock that differs. */
export function formatAge(at: Date, now: Date): string {
  const milliseconds = now.getTime() - at.getTime();
  const amount = inOneUnit(Math.abs(milliseconds));
  if (amount === undefined) return 'just now';
  return milliseconds < 0 ? `in ${amount}` : `${amount} ago`;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Whole units, rounded down; undefined below a minute. */
function inOneUnit(milliseconds: number): string | undefined {
  if (milliseconds < minute) return undefined;
  if (milliseconds < hour) return `${Math.floor(milliseconds / minute)}m`;
  if (milliseconds < 2 * day) return `${Math.floor(milliseconds / hour)}h`;
  return `${Math.floor(milliseconds / day)}d`;
}
