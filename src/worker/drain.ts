import type { Worker } from 'bullmq';
import type { WorkerContext } from './context.ts';
import { stopReasons } from './job.ts';

/** Milliseconds that BullMQ is given to close once no job is active. */
const patience = 2_000;
/**
 * Milliseconds after the drain time in which jobs are handed back: a dump that ignores SIGTERM is left alive for 5 s, and the
 * program after the run has 10 s, and 5 s more when it ignores SIGTERM too.
 */
const handBack = 22_000;

/**
 * Takes no new job, waits for the active ones, and after the drain time hands them back. BullMQ's own close may wait for
 * a Redis that is away, or was for a while, without an end: then it is left, and so are the locks of its jobs, which expire.
 */
export async function drain(
  workers: readonly Worker[],
  active: ReadonlySet<Promise<unknown>>,
  { config, wait }: WorkerContext,
): Promise<void> {
  const over = new AbortController();
  const closing = Promise.all(workers.map((worker) => worker.close())).finally(() => over.abort());
  const timer = setTimeout(() => {
    for (const worker of workers) worker.cancelAllJobs(stopReasons.shutdown);
  }, config.timeouts.drain);
  const end = performance.now() + config.timeouts.drain + handBack;
  const givenUp = async (): Promise<void> => {
    let busyAt = performance.now();
    while (performance.now() < Math.min(end, busyAt + patience)) {
      await wait(50, over.signal);
      if (active.size > 0) busyAt = performance.now();
    }
  };
  await Promise.race([closing, givenUp()]).finally(() => clearTimeout(timer));
}
