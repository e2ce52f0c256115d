import { formatBytes, formatDuration } from '../../../shared/config/units.ts';
import type { Progress } from '../../../shared/queues/progress.ts';
import type { JobSummary } from '../../client/jobs.ts';
import { type Field, renderFields } from './fields.ts';
import { type Column, renderTable } from './table.ts';
import { formatAge, formatTime } from './time.ts';

export function jobsTable({
  jobs,
  now,
  width,
}: {
  jobs: readonly JobSummary[];
  now: Date;
  width: number;
}): string {
  const columns: [Column<JobSummary>, ...Column<JobSummary>[]] = [
    { title: 'job', cell: ({ id }) => id },
    { title: 'state', cell: ({ state }) => state },
    { title: 'since', cell: (job) => formatAge(lastChange(job), now) },
    { title: 'detail', cell: detailOf, shorten: true, leaveOut: 1 },
  ];
  return renderTable({ columns, rows: jobs, width });
}

export function jobText({ job, now, width }: { job: JobSummary; now: Date; width: number }): string {
  return renderFields([...identity(job), ...times(job, now), ...outcome(job)], width);
}

function lastChange({ finishedAt, startedAt, createdAt }: JobSummary): Date {
  return new Date(finishedAt ?? startedAt ?? createdAt);
}

function detailOf({ state, progress, error }: JobSummary): string {
  if (state === 'active' && progress) return `${progress.phase}, ${movedText(progress)}`;
  return error && state !== 'completed' ? error.message : '';
}

function identity({ id, name, queue, database, state, attempts, backupId }: JobSummary): Field[] {
  return [
    ['job', id],
    ['kind', `${name} (queue ${queue})`],
    ['database', database ?? []],
    ['backup', backupId === null || backupId === id ? [] : backupId],
    ['state', state === 'behind' ? 'waiting for the active run of its database to end' : state],
    ['starts', String(attempts)],
  ];
}

function times({ createdAt, startedAt, finishedAt }: JobSummary, now: Date): Field[] {
  const took =
    startedAt !== null && finishedAt !== null
      ? `, took ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`
      : '';
  return [
    ['enqueued', moment(createdAt, now)],
    ['started', startedAt === null ? [] : moment(startedAt, now)],
    ['ended', finishedAt === null ? [] : `${moment(finishedAt, now)}${took}`],
  ];
}

function moment(time: string, now: Date): string {
  return `${formatTime(new Date(time))} (${formatAge(new Date(time), now)})`;
}

function outcome({ state, progress, error, result }: JobSummary): Field[] {
  return [
    ['progress', state === 'active' && progress ? `${progress.phase}, ${movedText(progress)}` : []],
    [
      'error',
      error && state !== 'completed' ? [error.message, ...(error.hint === null ? [] : [error.hint])] : [],
    ],
    ['result', state === 'completed' && result !== null ? JSON.stringify(result) : []],
  ];
}

/** Stored bytes so far, what they will be about, and the rate. */
export function movedText({ bytes, bytesPerSecond, expectedBytes }: Progress): string {
  const about = expectedBytes === null ? '' : ` of about ${formatBytes(expectedBytes)}`;
  return `${formatBytes(bytes)}${about}, ${formatBytes(bytesPerSecond)}/s`;
}
