import type { ErrorCode } from '../../../shared/errors.ts';
import type { OperationName } from '../../operations/contract.ts';

/** Codes that any request may be answered with. */
const ofAll: readonly ErrorCode[] = [
  'USAGE',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'ORIGIN_REFUSED',
  'RATE_LIMITED',
  'INTERNAL',
  'REDIS_UNAVAILABLE',
];
const ofBodies: readonly ErrorCode[] = ['REQUEST_TOO_LARGE'];
const ofKeys: readonly ErrorCode[] = ['REQUEST_CONFLICT'];
const ofDatabases: readonly ErrorCode[] = ['DATABASE_UNKNOWN'];
const ofJobs: readonly ErrorCode[] = ['JOB_NOT_FOUND'];
const ofSchedules: readonly ErrorCode[] = ['SCHEDULE_NOT_FOUND', ...ofDatabases];
const ofStorages: readonly ErrorCode[] = [
  'STORAGE_UNKNOWN',
  'STORAGE_MISSING',
  'STORAGE_FOREIGN',
  'STORAGE_AUTH',
  'STORAGE_UNAVAILABLE',
  'CONFIG_INVALID',
];
const ofBackups: readonly ErrorCode[] = [
  'BACKUP_NOT_FOUND',
  'MANIFEST_INVALID',
  'FORMAT_UNSUPPORTED',
  ...ofStorages,
];

const own: Readonly<Record<OperationName | 'follow', readonly ErrorCode[]>> = {
  listDatabases: ofDatabases,
  listBackups: [...ofDatabases, ...ofStorages],
  showBackup: ofBackups,
  pinBackup: ofBackups,
  unpinBackup: ofBackups,
  backup: ofDatabases,
  restore: [...ofBackups, ...ofDatabases],
  verify: [...ofBackups, ...ofDatabases],
  copy: ofBackups,
  previewPrune: [...ofDatabases, ...ofStorages],
  prune: [...ofDatabases, ...ofStorages],
  listSchedules: ofSchedules,
  runSchedule: ofSchedules,
  pauseSchedule: ofSchedules,
  resumeSchedule: ofSchedules,
  listJobs: ofDatabases,
  showJob: ofJobs,
  cancelJob: ofJobs,
  retryJob: [...ofJobs, 'RETRY_REFUSED', ...ofDatabases],
  follow: ofJobs,
};

/** Codes that a request may fail with; those of any request where it is no operation. */
export function failuresOf({
  operation,
  method,
}: {
  operation?: OperationName | 'follow';
  method: string;
}): readonly ErrorCode[] {
  return [
    ...ofAll,
    ...(operation ? own[operation] : []),
    ...(method === 'post' || method === 'put' ? ofBodies : []),
    ...(method === 'post' ? ofKeys : []),
  ];
}
