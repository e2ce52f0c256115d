/** The calendar units of which a retention keeps one backup each, finest first. */
export const periods = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type Period = (typeof periods)[number];

/** The hour, day, week, month and year that an instant falls into: `2026-11-25`, `2026-W48`. */
export type Buckets = Readonly<Record<Period, string>>;

/**
 * Tells the buckets of instants in one IANA time zone. An hour bears its offset from UTC, because the hour that is
 * repeated when daylight saving ends is two; a week is that of ISO 8601, and may belong to the year before or after.
 */
export function createCalendar(timeZone: string): (at: Date) => Buckets {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const [year = '', month = '', day = ''] = [
      parts.get('year')?.padStart(4, '0'),
      parts.get('month'),
      parts.get('day'),
    ];
    const offset = parts.get('timeZoneName')?.slice('GMT'.length) || '+00:00';
    return {
      hourly: `${year}-${month}-${day}T${parts.get('hour')}${offset}`,
      daily: `${year}-${month}-${day}`,
      weekly: isoWeek(Number(year), Number(month), Number(day)),
      monthly: `${year}-${month}`,
      yearly: year,
    };
  };
}

const dayLength = 86_400_000;

/** A week belongs to the year that its Thursday is in. */
function isoWeek(year: number, month: number, day: number): string {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const sinceMonday = (date.getUTCDay() + 6) % 7;
  const thursday = new Date(date.getTime() + (3 - sinceMonday) * dayLength);
  const newYear = new Date(0);
  newYear.setUTCFullYear(thursday.getUTCFullYear(), 0, 1);
  const week = 1 + Math.floor((thursday.getTime() - newYear.getTime()) / (7 * dayLength));
  return `${String(thursday.getUTCFullYear()).padStart(4, '0')}-W${String(week).padStart(2, '0')}`;
}
