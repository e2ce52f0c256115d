import { hasCode } from '../../shared/errors.ts';

/** What a retry needs of the world. */
export interface Pace {
  /** Waits so many milliseconds; rejects when the signal aborts. */
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  /** From 0 up to but not including 1. */
  random: () => number;
  /** Milliseconds on a clock that only goes forward. */
  now: () => number;
}

export interface RetryOptions {
  pace: Pace;
  /** Milliseconds since the first try after which no other one is begun. */
  patience: number;
  signal: AbortSignal;
}

/**
 * Milliseconds. With the pauses below that is some ten retries: of requests that fail by chance in 30 % of cases two in
 * a million are given up, and a person who lists a storage that is away is told so after 10 s.
 */
export const briefPatience = 10_000;
/** Milliseconds for what a dump in progress needs, which would have to begin again. */
export const longPatience = 120_000;

const shortestPause = 100;
const longestPause = 2_000;

/** Errors that no retry will help, or that one has given up on: a retry around another does not begin it all again. */
const ended = new WeakSet<object>();

/** Marks an error as one that is not worth another try at once; a run may still be retried as a whole. */
export function withoutRetry<T extends object>(error: T): T {
  ended.add(error);
  return error;
}

/** Whether the same request may well succeed a moment later. */
export function isPassing(error: unknown): boolean {
  return hasCode(error, 'STORAGE_UNAVAILABLE') && !ended.has(error);
}

/**
 * Does `work` until it succeeds, fails for a reason that does not pass, or patience is at its end; then its last error
 * is thrown, marked so that no retry around this one tries again. Rejects with the signal's reason when that aborts.
 */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { pace, patience, signal } = options;
  const start = pace.now();
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const pause = pauseAfter(failures, pace.random);
      if (!isPassing(error) || pace.now() - start + pause > patience) throw givenUp(error);
      await rest(pause, { pace, signal });
    }
  }
}

/** Waits as a retry does after so many failures in a row. Rejects with the signal's reason when that aborts. */
export async function restAfter(
  failures: number,
  options: Pick<RetryOptions, 'pace' | 'signal'>,
): Promise<void> {
  await rest(pauseAfter(failures, options.pace.random), options);
}

/** Doubling up to a limit, less up to half at random, so that many clients do not come back all at once. */
function pauseAfter(failures: number, random: () => number): number {
  const full = Math.min(longestPause, shortestPause * 2 ** (failures - 1));
  return full * (1 - random() / 2);
}

async function rest(
  milliseconds: number,
  { pace, signal }: Pick<RetryOptions, 'pace' | 'signal'>,
): Promise<void> {
  try {
    await pace.wait(milliseconds, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

function givenUp(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? withoutRetry(error) : error;
}
