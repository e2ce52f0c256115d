import type { OperationName, ResponseOf } from '../../operations/contract.ts';

/** One way to ask for an operation. What the path does not name is in the query of a GET or DELETE, and else in the body. */
export interface Route {
  method: 'get' | 'post' | 'put' | 'delete';
  /** Below /api/v1; `{name}` is a field of the request. */
  path: string;
  operation: OperationName;
  summary: string;
  /** 202 where a job does it. */
  status: 200 | 202;
  tag: string;
  /** The job that does it. */
  jobOf?: (answer: unknown) => string;
  /** How many a page has where nobody says. */
  usualLimit?: number;
}

const job = (answer: unknown): string => (answer as ResponseOf<'backup'>).jobId;
const read = { method: 'get', status: 200 } as const;
const enqueue = { method: 'post', status: 202, jobOf: job } as const;
const change = { method: 'post', status: 200 } as const;
const usualLimit = 100;

export const routes: readonly Route[] = [
  {
    ...read,
    path: '/databases',
    operation: 'listDatabases',
    tag: 'databases',
    usualLimit,
    summary: 'The databases and servers of the configuration',
  },
  {
    ...read,
    path: '/backups',
    operation: 'listBackups',
    tag: 'backups',
    usualLimit,
    summary: 'The backups that the storages hold, newest first',
  },
  {
    ...enqueue,
    path: '/backups',
    operation: 'backup',
    tag: 'backups',
    summary: 'Back a database up now; of a server all of its databases',
  },
  {
    ...read,
    path: '/backups/{backup}',
    operation: 'showBackup',
    tag: 'backups',
    summary: 'One backup: its manifest, its copies and how it was verified',
  },
  {
    ...change,
    method: 'put',
    path: '/backups/{backup}/pin',
    operation: 'pinBackup',
    tag: 'backups',
    summary: 'Keep it, whatever the retention says',
  },
  {
    ...change,
    method: 'delete',
    path: '/backups/{backup}/pin',
    operation: 'unpinBackup',
    tag: 'backups',
    summary: 'Let the retention decide again',
  },
  {
    ...enqueue,
    path: '/restores',
    operation: 'restore',
    tag: 'restores',
    summary: 'Restore a backup to the server of a configured database',
  },
  {
    ...enqueue,
    path: '/verifications',
    operation: 'verify',
    tag: 'verifications',
    summary: 'Prove that a backup is whole, and record the outcome',
  },
  {
    ...enqueue,
    path: '/copies',
    operation: 'copy',
    tag: 'copies',
    summary: 'Copy a backup to another storage',
  },
  {
    ...read,
    path: '/prunes',
    operation: 'previewPrune',
    tag: 'prunes',
    summary: 'Which backups the retention does not keep; nothing is changed',
  },
  {
    method: 'post',
    status: 202,
    path: '/prunes',
    operation: 'prune',
    tag: 'prunes',
    summary: 'Retire what the retention does not keep; one job for each database',
  },
  {
    ...read,
    path: '/schedules',
    operation: 'listSchedules',
    tag: 'schedules',
    usualLimit,
    summary: 'When they ran, when they run next, and what was missed',
  },
  {
    ...enqueue,
    path: '/schedules/{name}/run',
    operation: 'runSchedule',
    tag: 'schedules',
    summary: 'Enqueue what the schedule would, now',
  },
  {
    ...change,
    path: '/schedules/{name}/pause',
    operation: 'pauseSchedule',
    tag: 'schedules',
    summary: 'Let the slots pass until it is resumed',
  },
  {
    ...change,
    path: '/schedules/{name}/resume',
    operation: 'resumeSchedule',
    tag: 'schedules',
    summary: 'Go on with the next slot',
  },
  {
    ...read,
    path: '/jobs',
    operation: 'listJobs',
    tag: 'jobs',
    usualLimit,
    summary: 'The jobs that are active or wait, and those that ended last',
  },
  { ...read, path: '/jobs/{jobId}', operation: 'showJob', tag: 'jobs', summary: 'One job' },
  {
    ...change,
    path: '/jobs/{jobId}/cancel',
    operation: 'cancelJob',
    tag: 'jobs',
    summary: 'Cancel a job that waits or runs',
  },
  {
    ...enqueue,
    path: '/jobs/{jobId}/retry',
    operation: 'retryJob',
    tag: 'jobs',
    summary: 'Enqueue a new run of what a backup, verify or copy job asked for',
  },
];
