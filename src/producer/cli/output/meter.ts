import type { CliContext } from '../context.ts';
import { createProgressPrinter } from './progress.ts';

/** Tells how far this process itself is, as a worker tells it of a job. */
export interface Meter {
  phase(phase: string): void;
  /** Stored bytes that were handled. */
  bytes(count: number): void;
  done(): void;
}

const interval = 1_000;

/** `expectedBytes`: how many stored bytes a phase handles, about. The caller ends it with `done`, whatever happens. */
export function startMeter(
  context: CliContext,
  { name, expectedBytes }: { name: string; expectedBytes: number },
): Meter {
  const printer = createProgressPrinter(context);
  const state = { phase: '', since: context.clock(), bytes: 0, told: 0 };
  const tell = (): void => {
    const { phase, since, bytes, told } = state;
    const bytesPerSecond = Math.round(((bytes - told) / interval) * 1_000);
    const progress = {
      phase,
      since: since.toISOString(),
      attempt: 1,
      attemptId: null,
      bytes,
      bytesPerSecond,
    };
    printer.update({ name, activity: phase, progress: { ...progress, expectedBytes } });
    state.told = bytes;
  };
  const timer = setInterval(tell, interval);
  return {
    phase: (phase) => {
      Object.assign(state, { phase, since: context.clock(), bytes: 0, told: 0 });
      tell();
    },
    bytes: (count) => {
      state.bytes += count;
    },
    done: () => {
      clearInterval(timer);
      printer.done();
    },
  };
}
