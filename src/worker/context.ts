import type { Redis } from 'ioredis';
import type { Resources } from '../pipeline/resources.ts';
import type { Config, DatabaseConfig } from '../shared/config/schema.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import type { Enqueued } from '../shared/queues/enqueued.ts';
import type { Payload } from '../shared/queues/payloads.ts';

/** What every processor of this worker shares. */
export interface WorkerContext {
  config: Config;
  resources: Resources;
  redis: Redis;
  logger: Logger;
  metrics: Metrics;
  /** Masks every secret of the configuration in a text. */
  redactText: (text: string) => string;
  clock: () => Date;
  random: () => number;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  /** Enqueues a run of a database in its pool, as a producer does. */
  enqueueBackup: (request: {
    database: DatabaseConfig;
    backupId: string;
    trigger: Payload<'backup'>['trigger'];
  }) => Promise<Enqueued>;
  /** Adds a job to the maintenance queue of a pool; one of the same id is added once. */
  enqueueMaintenance: <Name extends 'verify' | 'copy' | 'prune'>(job: {
    name: Name;
    jobId: string;
    pool: string;
    payload: Payload<Name>;
  }) => Promise<void>;
  /**
   * Enqueues a copy that is missing. `joined`: its job waits or runs already; `left`: it failed for a reason that another
   * attempt does not mend.
   */
  mendCopy: (job: { pool: string; payload: Payload<'copy'> }) => Promise<'new' | 'joined' | 'left'>;
}
