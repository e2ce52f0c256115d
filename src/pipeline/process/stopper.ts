import type { Child } from './child.ts';

export interface Stopper {
  /** Sends the first signal, and SIGKILL later. Harmless twice, and once all are gone. */
  now(): void;
  /** To be called once all are gone. */
  cancel(): void;
}

/** Stops programs and all that they started: by `stopWith` (SIGTERM), and by SIGKILL when `grace` milliseconds (5,000) are over. */
export function createStopper(
  children: readonly Child[],
  { stopWith = 'SIGTERM', grace = 5_000 }: { stopWith?: 'SIGTERM' | 'SIGKILL'; grace?: number } = {},
): Stopper {
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const send = (signal: NodeJS.Signals): void => {
    for (const child of children) child.stop(signal);
  };
  const now = (): void => {
    if (over) return;
    send(stopWith);
    timer ??= setTimeout(send, grace, 'SIGKILL');
  };
  const cancel = (): void => {
    over = true;
    clearTimeout(timer);
  };
  return { now, cancel };
}
