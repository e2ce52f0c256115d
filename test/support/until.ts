import { setTimeout as delay } from 'node:timers/promises';

const pollInterval = 5;

/** Waits until the condition holds; fails, saying what was waited for, after `limit` milliseconds. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limit = 10_000,
): Promise<void> {
  for (const start = performance.now(); !(await condition()); await delay(pollInterval)) {
    if (performance.now() - start > limit) throw new Error(`waited ${limit} ms in vain until ${what}`);
  }
}

/** For a pause of the program under test. */
export function abortableDelay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal });
}
