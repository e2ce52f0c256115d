import { formatAge, formatTime } from '../../../shared/time-text.ts';
import type { ScheduleDocument } from '../../operations/documents.ts';
import { type Column, renderTable } from './table.ts';

export function schedulesTable({
  schedules,
  now,
  width,
}: {
  schedules: readonly ScheduleDocument[];
  now: Date;
  width: number;
}): string {
  const columns: [Column<ScheduleDocument>, ...Column<ScheduleDocument>[]] = [
    { title: 'database', cell: ({ name, kind }) => (kind === 'verify' ? `${name} (verify)` : name) },
    { title: 'state', cell: ({ state }) => state },
    { title: 'schedule', cell: whenOf, shorten: true },
    { title: 'last', cell: ({ last, problem }) => lastText(last, problem, now) },
    { title: 'next', cell: ({ next: [first] }) => (first === undefined ? '-' : formatTime(new Date(first))) },
    { title: 'then', cell: thenOf, leaveOut: 2, shorten: true },
    { title: 'missed', cell: ({ missed }) => String(missed), align: 'right', leaveOut: 1 },
  ];
  return renderTable({ columns, rows: schedules, width });
}

function whenOf({ expression, words, timezone }: ScheduleDocument): string {
  return `${words}, ${timezone} (${expression})`;
}

function lastText(last: string | null, problem: string | null, now: Date): string {
  if (problem !== null) return 'unknown';
  return last === null ? 'never' : formatAge(new Date(last), now);
}

/** The two after the next, without what they share with it. */
function thenOf({ next: [first = '', ...others] }: ScheduleDocument): string {
  return others
    .map((time) => {
      const text = formatTime(new Date(time));
      return time.slice(0, 10) === first.slice(0, 10) ? text.slice(11) : text;
    })
    .join(', ');
}
