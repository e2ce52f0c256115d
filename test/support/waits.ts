import assert from 'node:assert/strict';
import { until } from './until.ts';

/** Pauses of the program under test that end when the test says so. */
export interface Waits {
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Waits until the program pauses for that long, and ends the pause. */
  pass(milliseconds: number): Promise<void>;
}

export function createWaits(): Waits {
  const pauses: { milliseconds: number; end: () => void }[] = [];
  const take = (pause: (typeof pauses)[number]): void => {
    const at = pauses.indexOf(pause);
    if (at >= 0) pauses.splice(at, 1);
  };
  return {
    wait: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        const pause = { milliseconds, end: resolve };
        pauses.push(pause);
        const stop = (): void => {
          take(pause);
          reject(signal.reason);
        };
        signal.addEventListener('abort', stop, { once: true });
      }),
    pass: async (milliseconds) => {
      await until(`it pauses for ${milliseconds} ms`, () => pauses.length > 0);
      const [pause] = pauses;
      assert.equal(pause?.milliseconds, milliseconds);
      take(pause);
      pause.end();
    },
  };
}
