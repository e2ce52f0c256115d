import { type Update, type WatchOptions, watchJob } from '../../src/producer/client/follow.ts';

/** Waits for the end of a job: its result, or the error that it failed with. */
export async function follow({
  onUpdate,
  ...options
}: WatchOptions & { onUpdate: (update: Update) => void }): Promise<unknown> {
  for await (const seen of watchJob(options)) {
    if ('result' in seen) return seen.result;
    if ('failure' in seen) throw seen.failure;
    onUpdate(seen);
  }
}
