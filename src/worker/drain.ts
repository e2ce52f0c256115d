import type { Worker } from 'bullmq';
import type { WorkerContext } from './context.ts';
import { stopReasons } from './job.ts';

/** Milliseconds that Redis may be away before a worker that has nothing else to do stops waiting for it. */
const patience = 2_000;

/**
 * Takes no new job, waits for the active ones, and after the drain time hands them back. Redis may be away: then nothing can be
 * handed back, and waiting for it would hold up the end of the process. The jobs' locks expire, and others take them.
 */
export async function drain(
  workers: readonly Worker[],
  active: ReadonlySet<Promise<unknown>>,
  { config, redis, wait }: WorkerContext,
): Promise<void> {
  const over = new AbortController();
  const closing = Promise.all(workers.map((worker) => worker.close())).finally(() => over.abort());
  const timer = setTimeout(() => {
    for (const worker of workers) worker.cancelAllJobs(stopReasons.shutdown);
  }, config.timeouts.drain);
  const giveUp = performance.now() + config.timeouts.drain + patience;
  const lost = async (): Promise<void> => {
    for (
      let awaySince = performance.now();
      performance.now() - awaySince < patience;
      await wait(100, over.signal)
    ) {
      if (redis.status === 'ready' || !(active.size === 0 || performance.now() > giveUp))
        awaySince = performance.now();
    }
  };
  await Promise.race([closing, lost()]).finally(() => clearTimeout(timer));
}
