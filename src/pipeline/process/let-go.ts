import type { ChildProcess } from 'node:child_process';

/** Milliseconds in which what a program wrote last is still read once it has ended. */
const drain = 200;

/**
 * Lets a program be gone when it ends itself, though something that it started holds its output open: that is neither waited
 * for nor stopped. Once `signal` has aborted all of them are waited for, as they are being stopped.
 */
export function letGoAtExit(child: ChildProcess, signal: AbortSignal): void {
  onceDrained(child, () => {
    if (signal.aborted) return;
    destroyOutput(child);
  });
}

/** What of a program that is being killed is out of reach, in a group of its own, holds its output open for as long as it likes. */
export function letGoOnceKilled(child: ChildProcess, onLetGo: () => void): void {
  onceDrained(child, () => {
    onLetGo();
    // Later, so that whoever reads it learns what failed, and not that it was cut.
    setTimeout(destroyOutput, drain, child);
  });
}

/** Calls back when a program has ended and its output is still open when what it wrote last was read. */
function onceDrained(child: ChildProcess, then: () => void): void {
  const wait = (): void => {
    // What came in while this process was busy is read between the timer and the callback.
    const timer = setTimeout(() => setImmediate(then), drain);
    child.once('close', () => clearTimeout(timer));
  };
  if (child.exitCode === null && child.signalCode === null) child.once('exit', wait);
  else wait();
}

function destroyOutput(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
}
