import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that work is given to end when this process does; with Redis away it may not come to an end. */
const patience = 2_000;

/** Resolves when the work has ended, however it did, or is waited for no longer. */
export async function withinPatience(work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const limit = delay(patience, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([Promise.allSettled([work]), limit]);
  over.abort();
}
