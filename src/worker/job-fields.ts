import type { Job } from 'bullmq';
import { isBackupId } from '../shared/ids.ts';
import type { LogFields } from '../shared/logger.ts';

/** What every line of a job has, so that one filter by the backup, or by the database, shows all that happened to it. */
export function fieldsOf(job: Job): LogFields {
  const data: Record<string, unknown> = typeof job.data === 'object' && job.data !== null ? job.data : {};
  return {
    job: job.name,
    jobId: job.id,
    backupId: data.backupId ?? followed(job),
    database: data.database,
    server: data.server,
    attempt: job.attemptsStarted,
  };
}

/** A prune that follows a backup is called after it; what it retires are others. */
function followed({ name, id = '' }: Job): string | undefined {
  const backupId = id.slice('prune-'.length);
  return name === 'prune' && id.startsWith('prune-') && isBackupId(backupId) ? backupId : undefined;
}
