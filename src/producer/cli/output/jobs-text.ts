import { formatBytes, formatDuration } from '../../../shared/config/units.ts';
import type { Progress } from '../../../shared/queues/progress.ts';
import { formatAge, formatTime } from '../../../shared/time-text.ts';
import type { JobDocument } from '../../operations/documents.ts';
import { type Field, renderFields } from './fields.ts';
import { type Column, renderTable } from './table.ts';

export function jobsTable({
  jobs,
  now,
  width,
}: {
  jobs: readonly JobDocument[];
  now: Date;
  width: number;
}): string {
  const columns: [Column<JobDocument>, ...Column<JobDocument>[]] = [
    { title: 'job', cell: ({ id }) => id },
    { title: 'state', cell: ({ state }) => state },
    { title: 'since', cell: (job) => formatAge(lastChange(job), now) },
    { title: 'detail', cell: detailOf, shorten: true, leaveOut: 1 },
  ];
  return renderTable({ columns, rows: jobs, width });
}

export function jobText({ job, now, width }: { job: JobDocument; now: Date; width: number }): string {
  return renderFields([...identity(job), ...times(job, now), ...outcome(job)], width);
}

function lastChange({ finishedAt, startedAt, createdAt }: JobDocument): Date {
  return new Date(finishedAt ?? startedAt ?? createdAt);
}

function detailOf({ state, progress, error }: JobDocument): string {
  if (state === 'active' && progress) return `${progress.phase}, ${movedText(progress)}`;
  return error && state !== 'completed' ? error.message : '';
}

function identity({ id, name, queue, database, state, attempts, backupId }: JobDocument): Field[] {
  return [
    ['job', id],
    ['kind', `${name} (queue ${queue})`],
    ['database', database ?? []],
    ['backup', backupId === null || backupId === id ? [] : backupId],
    ['state', state === 'behind' ? 'waiting for the active run of its database to end' : state],
    ['starts', String(attempts)],
  ];
}

function times({ createdAt, startedAt, finishedAt }: JobDocument, now: Date): Field[] {
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

function outcome({ state, progress, error, result }: JobDocument): Field[] {
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
