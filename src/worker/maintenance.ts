import type { Queue } from 'bullmq';
import { enqueueCopy, failedLastingly } from '../shared/queues/copy-job.ts';
import { queueName } from '../shared/queues/names.ts';
import { maintenanceOptions } from '../shared/queues/options.ts';
import { openQueue } from '../shared/queues/queue.ts';
import type { WorkerContext } from './context.ts';

/** A worker's own way to enqueue what follows a commit; its queues are opened when they are first used. */
export function openMaintenance({ config, redis }: Pick<WorkerContext, 'config' | 'redis'>): {
  enqueueMaintenance: WorkerContext['enqueueMaintenance'];
  mendCopy: WorkerContext['mendCopy'];
  close(): Promise<void>;
} {
  const queues = new Map<string, Queue>();
  const open = (pool: string): Queue => {
    const name = queueName('maintenance', pool);
    const queue = queues.get(name) ?? openQueue(name, { redis, installation: config.installation });
    queues.set(name, queue);
    return queue;
  };
  return {
    enqueueMaintenance: async ({ name, jobId, pool, payload }) => {
      await open(pool).add(name, payload, maintenanceOptions({ jobId, queue: config.queue }));
    },
    mendCopy: async ({ pool, payload }) => {
      const queue = open(pool);
      if (await failedLastingly(queue, payload)) return 'left';
      return (await enqueueCopy(queue, { payload, config: config.queue })).as;
    },
    close: async () => {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}
