import { setTimeout as wait } from 'node:timers/promises';

/**
 * Asks every `interval` milliseconds until there is an answer. Rarely while something is measured: each question costs
 * the processors that are measured. Throws when `limit` milliseconds pass without one.
 */
export async function poll<T>(
  options: { what: string; interval: number; limit: number; signal: AbortSignal },
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const { what, interval, limit, signal } = options;
  for (const start = performance.now(); ; await wait(interval, undefined, { signal })) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() - start > limit) throw new Error(`waited ${limit} ms in vain until ${what}`);
  }
}
