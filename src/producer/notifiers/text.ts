import { formatBytes, formatDuration, formatExactDuration } from '../../shared/config/units.ts';
import { listSome } from '../../shared/list-some.ts';
import type { RunEvent, RunEventKind } from '../../shared/queues/run-event.ts';
import { formatTime } from '../../shared/time-text.ts';
import type { Field } from '../cli/output/fields.ts';
import { plain, shorten } from '../cli/output/text.ts';

/** What people are told of an event. */
export interface EventText {
  /** One line, without what a terminal or a mail header would act on. */
  title: string;
  /** Whether somebody has to do something about it. */
  mood: 'good' | 'bad' | 'neutral';
  fields: readonly Field[];
}

/** Cells of a longer line; what is longer is in the log. */
const longest = 400;

export function textOf(event: RunEvent): EventText {
  const fields = [...whatHappened(event), ...whichBackup(event), ...whatNext(event)];
  return {
    title: oneLine(titles[event.kind](event)),
    mood: moods[event.kind],
    fields: fields.map(([label, value]) => [label, [value].flat().map(oneLine)]),
  };
}

/** The first line of what went wrong; undefined where nothing did. */
export function causeOf({ cause }: RunEvent): string | undefined {
  return cause === null ? undefined : oneLine(cause.message.trimStart().split('\n', 1).join());
}

const moods: Readonly<Record<RunEventKind, EventText['mood']>> = {
  success: 'good',
  failure: 'bad',
  recovery: 'good',
  stale: 'bad',
  'verification-failed': 'bad',
  prune: 'neutral',
  missed: 'bad',
  start: 'neutral',
  test: 'neutral',
};

const titles: Readonly<Record<RunEventKind, (event: RunEvent) => string>> = {
  success: ({ database }) => `Backup of ${database} succeeded`,
  failure: ({ database, job }) =>
    job?.name === 'verify'
      ? `A backup of ${database} could not be verified`
      : `${jobs.get(job?.name ?? 'backup') ?? 'A job'} of ${database} failed`,
  recovery: ({ database, incident, job }) =>
    `Recovered: ${overs[incident?.kind ?? 'failure'] ?? works.get(job?.name ?? 'backup') ?? 'jobs'} of ${database}`,
  stale: ({ database, stale }) =>
    stale?.newestAt === null
      ? `There is no backup of ${database}`
      : `The newest backup of ${database} is too old`,
  'verification-failed': ({ database }) => `Verification of ${database} failed`,
  prune: ({ database, prune }) =>
    `${prune ? counted(prune.retired, 'backup') : 'Backups'} of ${database} retired`,
  missed: ({ database, missed }) =>
    `${missed ? counted(missed.slots, 'backup') : 'Backups'} of ${database} missed`,
  start: ({ database }) => `Backup of ${database} started`,
  test: ({ installation }) => `Test of a notifier of BackUpData (${installation})`,
};

const jobs = new Map([
  ['backup', 'Backup'],
  ['discover', 'The look for databases'],
  ['copy', 'A copy of a backup'],
  ['prune', 'The prune'],
  ['restore', 'A restore'],
]);

/** What goes well again, by the job that did. */
const works = new Map([
  ['backup', 'backups'],
  ['discover', 'the look for databases'],
  ['copy', 'copies of backups'],
  ['prune', 'prunes'],
  ['verify', 'the means to verify backups'],
]);

/** What is well again. */
const overs: Partial<Record<RunEventKind, string>> = {
  stale: 'freshness',
  'verification-failed': 'verification',
  missed: 'the schedule',
};

function whatHappened(event: RunEvent): Field[] {
  const { kind, at, database, server, job, cause, incident, installation } = event;
  const since = incident && new Date(incident.since);
  return [
    ['Status', kind],
    ['Database', database],
    ['Server', server === '' ? [] : server],
    ['Over', since ? `${incident.kind}, since ${formatTime(since)} (${lastedFor(since, at)})` : []],
    ['Attempt', job && job.attempts > 0 ? `${job.attempt} of ${job.attempts}` : []],
    ['Cause', causeOf(event) ?? []],
    ['Code', cause?.code ?? []],
    ['Next step', cause?.hint ?? []],
    ...whatElse(event),
    ['Job', job?.id ?? []],
    ['Time', formatTime(new Date(at))],
    ['Installation', installation === 'default' ? [] : installation],
  ];
}

function whatElse({ verification, prune, missed, stale }: RunEvent): Field[] {
  return [
    ['Verification', verification ? `level ${verification.level}: ${verification.outcome}` : []],
    [
      'Retired',
      prune ? `${counted(prune.retired, 'backup')}, ${counted(prune.removed, 'object')} removed` : [],
    ],
    [
      'Missed',
      missed ? `${counted(missed.slots, 'slot')}, the latest ${formatTime(new Date(missed.latest))}` : [],
    ],
    ['Newest backup', stale ? (stale.newestAt === null ? 'none' : formatTime(new Date(stale.newestAt))) : []],
    ['Allowed age', stale ? formatExactDuration(stale.maxAgeMs) : []],
  ];
}

function whichBackup({ backup }: RunEvent): Field[] {
  if (!backup) return [];
  const { id, bytes, previousBytes, durationMs, storage, copies, notes } = backup;
  return [
    ['Backup', id],
    ['Duration', durationMs === null ? [] : formatDuration(durationMs)],
    ['Size', bytes === null ? [] : `${formatBytes(bytes)}${change(bytes, previousBytes)}`],
    ['Storage', storage],
    ['Copies', copies.length === 0 ? [] : listSome(copies)],
    ['Notes', notes.slice(0, 5)],
  ];
}

function whatNext({ nextRun, link }: RunEvent): Field[] {
  return [
    ['Next run', nextRun === null ? [] : formatTime(new Date(nextRun))],
    ['Link', link ?? []],
  ];
}

function change(bytes: number, previous: number | null): string {
  if (previous === null || previous === 0) return '';
  const exact = (bytes / previous - 1) * 100;
  const percent = Math.abs(exact) < 10 ? Math.round(exact * 10) / 10 : Math.round(exact);
  return ` (${percent > 0 ? '+' : ''}${percent === 0 ? 0 : percent}% against the last)`;
}

function lastedFor(since: Date, at: string): string {
  return formatDuration(Math.max(0, new Date(at).getTime() - since.getTime()));
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function oneLine(text: string): string {
  return shorten(plain(text), longest);
}
