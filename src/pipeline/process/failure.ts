import { basename } from 'node:path';

/** How one program ended. */
export interface StageExit {
  program: string;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last 4 KiB of its stderr. */
  stderr: string;
  /** We stopped it, because another stage failed or the run was aborted; its end says nothing. */
  stopped: boolean;
}

/** At least one stage of a pipeline did not end with code 0. */
export class StageFailure extends Error {
  readonly exits: readonly StageExit[];

  constructor(exits: readonly StageExit[]) {
    const failed = exits.filter((exit) => !exit.stopped && !succeeded(exit));
    super(failed.map(describeExit).join('; '));
    this.name = 'StageFailure';
    this.exits = exits;
  }
}

export function succeeded(exit: StageExit): boolean {
  return exit.code === 0 && exit.signal === null;
}

function describeExit({ program, code, signal, stderr }: StageExit): string {
  const ending = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
  const lines = stderr.trim().split('\n').slice(-3).join(' | ');
  return lines === '' ? `${basename(program)} ${ending}` : `${basename(program)} ${ending}: ${lines}`;
}
