import type { Job } from 'bullmq';
import type { Resources } from '../../pipeline/resources.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { Enqueued } from '../../shared/queues/enqueued.ts';
import { poolOf } from '../../shared/queues/names.ts';
import { parsePayload } from '../../shared/queues/payloads.ts';
import type { Client } from './client.ts';

/**
 * Enqueues a new run of what a backup, discover, verify or copy job asked for, however that job ended. RETRY_REFUSED for any other
 * job; DATABASE_UNKNOWN when its database left the configuration.
 */
export async function retryJob(options: {
  client: Client;
  resources: Pick<Resources, 'database' | 'server'>;
  job: Job;
}): Promise<Enqueued> {
  const { client, resources, job } = options;
  if (job.name === 'backup')
    return client.backup(resources.database(parsePayload('backup', job.data).database));
  if (job.name === 'discover')
    return client.discover(resources.server(parsePayload('discover', job.data).server));
  if (job.name === 'verify')
    return { jobId: await client.verify(parsePayload('verify', job.data), poolOf(job.queueName)), as: 'new' };
  if (job.name === 'copy') return client.copy(parsePayload('copy', job.data), poolOf(job.queueName));
  throw refusal(job);
}

function refusal({ id, name }: Job): BackupDataError {
  return name === 'restore'
    ? new BackupDataError(
        'RETRY_REFUSED',
        `${id} is a restore, and a restore is never run again from its job`,
        {
          hint: 'Look at the target, then give the `backupdata restore` command again yourself.',
        },
      )
    : new BackupDataError(
        'RETRY_REFUSED',
        `${id} is a ${name} job; only backup, discover, verify and copy jobs can be run again`,
        {
          hint: 'The next run of its kind is made by itself.',
        },
      );
}
