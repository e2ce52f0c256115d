import type { Job, JobState } from 'bullmq';
import type { Redis } from 'ioredis';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { cancelJob } from '../../src/producer/client/cancel.ts';
import { withClient } from '../../src/producer/client/open.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import type { DatabaseConfig } from '../../src/shared/config/schema.ts';
import { type BackupDataError, fromFailedReason } from '../../src/shared/errors.ts';
import { successorOf } from '../../src/shared/queues/backup-job.ts';
import { leaseKey } from '../../src/shared/queues/names.ts';
import type { BackupResult } from '../../src/shared/queues/payloads.ts';
import { Secret } from '../../src/shared/secret.ts';
import { follow } from './follow.ts';
import type { Installation } from './installation.ts';
import { abortableDelay } from './until.ts';

/** The queues and the storage of an installation, as a producer and an operator see them. */
export interface Fleet {
  storage: Storage;
  redis: Redis;
  /** Asks for a run of its own; its id is the backup's and the job's. */
  backup(database: string): Promise<string>;
  /** Waits for the end of a run: what it returned, or the error that it failed with. */
  outcome(backupId: string): Promise<BackupResult>;
  job(backupId: string): Promise<Job>;
  state(backupId: string): Promise<JobState | 'unknown'>;
  /** What the last attempt of a run failed with. */
  failure(backupId: string): Promise<BackupDataError>;
  cancel(backupId: string): Promise<'removed' | 'told'>;
  /** The run that starts when the active one of the database ends. */
  successor(database: string): Promise<string | undefined>;
  /** The attempt that holds the right to dump the database now. */
  attemptAtWork(database: string): Promise<string | null>;
  /** The Redis key by which a worker owns a run. */
  lockKey(backupId: string): string;
}

/** Opens what the installation's configuration names, as it is now. */
export async function withFleet(
  installation: Installation,
  use: (fleet: Fleet) => Promise<void>,
): Promise<void> {
  const { env, path, prefix } = installation;
  const config = await loadConfig({ file: undefined, env, cwd: path });
  const storage = await openStorage({ name: 'main', config: { type: 'local', path: installation.backups } });
  const redisUrl = new Secret(env.REDIS_URL ?? '');
  await withClient({ config, redisUrl }, async ({ client, redis }) => {
    const queue = client.queue('backups', 'default');
    const job = async (backupId: string): Promise<Job> => {
      const found = await queue.getJob(backupId);
      if (!found) throw new Error(`there is no job ${backupId}`);
      return found;
    };
    await use({
      storage,
      redis,
      job,
      backup: async (name) => {
        const { jobId, as } = await client.backup(databaseOf(config.databases, name));
        if (as !== 'new') throw new Error(`the run of ${name} became "${as}"`);
        return jobId;
      },
      outcome: async (jobId) => {
        const waiting = { redis, installation: config.installation, queue, jobId };
        const signal = AbortSignal.timeout(60_000);
        return (await follow({
          ...waiting,
          signal,
          wait: abortableDelay,
          onUpdate: () => undefined,
        })) as BackupResult;
      },
      state: (backupId) => queue.getJobState(backupId),
      failure: async (backupId) => fromFailedReason((await job(backupId)).failedReason ?? ''),
      cancel: async (backupId) =>
        cancelJob({ redis, installation: config.installation, job: await job(backupId), by: 'a test' }),
      successor: (database) => successorOf(redis, queue, database),
      attemptAtWork: (database) => redis.get(leaseKey(config.installation, database)),
      lockKey: (backupId) => `${prefix}:backups:${backupId}:lock`,
    });
  });
}

function databaseOf(databases: ReadonlyMap<string, DatabaseConfig>, name: string): DatabaseConfig {
  const database = databases.get(name);
  if (!database) throw new Error(`the configuration has no database ${name}`);
  return database;
}
