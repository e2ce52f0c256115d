import type { Child } from './child.ts';

/** Milliseconds in which what a program wrote last is still read once it has ended. */
const drain = 200;

/**
 * Lets a program be gone when it ends itself, though something that it started holds its output open: that is neither waited
 * for nor stopped. Once `signal` has aborted all of them are waited for, as they are being stopped.
 */
export function letGoAtExit({ process: child }: Child, signal: AbortSignal): void {
  const letGo = (): void => {
    if (signal.aborted) return;
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  child.once('exit', () => {
    // What came in while this process was busy is read between the timer and the callback.
    const timer = setTimeout(() => setImmediate(letGo), drain);
    child.once('close', () => clearTimeout(timer));
  });
}
