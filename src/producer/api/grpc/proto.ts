import { fileURLToPath } from 'node:url';
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import type { OperationName } from '../../operations/contract.ts';

export const serviceName = 'backupdata.v1.BackupService';

/** Which rpc each operation is; `StreamProgress` is what follows a job. */
export const rpcs = {
  listDatabases: 'ListDatabases',
  listBackups: 'ListBackups',
  showBackup: 'GetBackup',
  pinBackup: 'PinBackup',
  unpinBackup: 'UnpinBackup',
  backup: 'RunBackup',
  restore: 'Restore',
  verify: 'Verify',
  copy: 'Copy',
  previewPrune: 'PreviewPrune',
  prune: 'Prune',
  listSchedules: 'ListSchedules',
  runSchedule: 'RunSchedule',
  pauseSchedule: 'PauseSchedule',
  resumeSchedule: 'ResumeSchedule',
  listJobs: 'ListJobs',
  showJob: 'GetJob',
  cancelJob: 'CancelJob',
  retryJob: 'RetryJob',
} as const satisfies Record<OperationName, string>;

export const followRpc = 'StreamProgress';

/** The longest that is taken in, and given out. Bytes. */
export const messageLimits = { request: 64 * 1024, response: 16 * 1024 * 1024 } as const;

/** In metadata: the ErrorDocument of a call that failed, and the job that a call waits for. */
export const errorKey = 'backupdata-error-bin';
export const jobKey = 'backupdata-job-id';

/** Sources and what is built of them are as deep below the package. */
const file = fileURLToPath(new URL('../../../../proto/backup.proto', import.meta.url));

/** The contract with its fields named as in the file. */
export function loadProto(): PackageDefinition {
  return loadSync(file, { keepCase: true });
}

/** The service, whose messages have their fields named as the documents; what is left out and not optional has its type's default. */
export function loadService(): ServiceDefinition {
  const definition = loadSync(file, { longs: Number, defaults: true });
  return definition[serviceName] as ServiceDefinition;
}
