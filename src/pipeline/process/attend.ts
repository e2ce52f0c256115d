import { startChild } from './child.ts';
import { StageFailure, succeeded } from './failure.ts';
import { letGoAtExit } from './let-go.ts';
import type { Stage } from './stage.ts';
import { createStopper } from './stopper.ts';

/**
 * Runs a program of whose output nothing is wanted but what it complains of, until it ends itself: what it leaves running is
 * left alone. Throws StageFailure when it does not end with code 0, and the signal's reason when it was stopped for that.
 */
export async function attend(stage: Stage, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = startChild(stage, ['ignore', 'ignore', 'pipe']);
  letGoAtExit(child.process, signal);
  const stop = createStopper([child]);
  signal.addEventListener('abort', stop.now, { once: true });
  const exit = await child.closed;
  stop.cancel();
  signal.removeEventListener('abort', stop.now);
  if (succeeded(exit)) return;
  signal.throwIfAborted();
  throw new StageFailure([exit]);
}
