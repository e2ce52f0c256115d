import { basename } from 'node:path';

/** How one program ended. */
export interface StageExit {
  program: string;
  /** Null when a signal ended it, or when it could not be started. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last 4 KiB of its stderr. */
  stderr: string;
  /** We stopped it, because another stage failed or the run was aborted; its end says nothing. */
  stopped: boolean;
}

/**
 * At least one stage of a pipeline did not end with code 0, or ended so before it had read all that it was given. A stage that
 * lost its reader is named only when nothing else is known.
 */
export class StageFailure extends Error {
  readonly exits: readonly StageExit[];
  /** A program ended with code 0 before it had read all that it was given, and nothing else is known to have failed. */
  readonly endedEarly: boolean;

  constructor(stages: readonly StageExit[]) {
    // Whose neighbour lost its reader had closed its input before it was stopped.
    const exits = stages.map((exit, index) => ({
      ...exit,
      stopped: exit.stopped && !lostReader(stages[index - 1]),
    }));
    const failed = exits.filter((exit) => !exit.stopped && !succeeded(exit));
    const causes = failed.filter((exit) => !lostReader(exit));
    const early = causes.length === 0 ? endedEarly(exits) : undefined;
    super(early ? describeEarly(early) : (causes.length > 0 ? causes : failed).map(describeExit).join('; '));
    this.name = 'StageFailure';
    this.exits = exits;
    this.endedEarly = early !== undefined;
  }
}

export function succeeded(exit: StageExit): boolean {
  return exit.code === 0 && exit.signal === null;
}

/** Whose writers lost their reader, or who is the first and so reads what this process writes, and ended well all the same. */
function endedEarly(exits: readonly StageExit[]): StageExit | undefined {
  const early = exits[exits.findLastIndex(lostReader) + 1];
  return early && succeeded(early) ? early : undefined;
}

function describeEarly({ program }: StageExit): string {
  return `${basename(program)} ended with code 0 before it had read all of its input`;
}

/** A program that is written to when nobody reads is ended by the system, or says so itself. */
export function lostReader(exit: StageExit | undefined): boolean {
  if (!exit || succeeded(exit)) return false;
  return (
    exit.signal === 'SIGPIPE' ||
    /\b(write|stdout|output)\b.*(broken pipe|connection reset by peer)/i.test(exit.stderr)
  );
}

function describeExit({ program, code, signal, stderr }: StageExit): string {
  const ended = code === null ? 'could not be started' : `exited with code ${code}`;
  const ending = signal === null ? ended : `was killed by ${signal}`;
  const words = wordsOf(stderr);
  return words === '' ? `${basename(program)} ${ending}` : `${basename(program)} ${ending}: ${words}`;
}

/** Three lines of what a program complained: from the first that it calls an error, else its last. */
function wordsOf(stderr: string): string {
  const lines = stderr.trim().split('\n');
  const first = lines.findIndex((line) => /^(\S+: )?(error|fatal|panic)\b/i.test(line));
  return (first < 0 ? lines.slice(-3) : lines.slice(first, first + 3)).join(' | ');
}
