import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { QueueConfig } from '../shared/config/schema.ts';
import { enqueueBackup } from '../shared/queues/backup-job.ts';
import { enqueueCopy, failedLastingly } from '../shared/queues/copy-job.ts';
import { queueName, type WorkerQueue } from '../shared/queues/names.ts';
import { maintenanceOptions } from '../shared/queues/options.ts';
import { openQueue } from '../shared/queues/queue.ts';
import type { WorkerContext } from './context.ts';

/** A worker's own ways to enqueue what follows from its jobs. */
export type Enqueuing = Pick<WorkerContext, 'enqueueBackup' | 'enqueueMaintenance' | 'mendCopy'>;

/** Its queues are opened when they are first used, and serve every configuration. */
export function openEnqueuing({ installation, redis }: { installation: string; redis: Redis }): {
  with(config: QueueConfig): Enqueuing;
  close(): Promise<void>;
} {
  const queues = new Map<string, Queue>();
  const open = (kind: WorkerQueue, pool: string): Queue => {
    const name = queueName(kind, pool);
    const queue = queues.get(name) ?? openQueue(name, { redis, installation });
    queues.set(name, queue);
    return queue;
  };
  return {
    with: (config) => ({
      enqueueBackup: (request) => {
        const queue = open('backups', request.database.pool);
        return enqueueBackup({ queue, redis, config }, request);
      },
      enqueueMaintenance: async ({ name, jobId, pool, payload }) => {
        await open('maintenance', pool).add(name, payload, maintenanceOptions({ jobId, queue: config }));
      },
      mendCopy: async ({ pool, payload }) => {
        const queue = open('maintenance', pool);
        if (await failedLastingly(queue, payload)) return 'left';
        return (await enqueueCopy(queue, { payload, config })).as;
      },
    }),
    close: async () => {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}
