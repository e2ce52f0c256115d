import type { Argv } from 'yargs';
import type { CliContext } from './context.ts';
import type { ExitMeanings } from './exit-codes.ts';

/** One command: its words, its options, and what it does. Its file imports what it runs only when it runs. */
export interface Verb {
  command: string;
  describe: string;
  /** What its own exit codes mean, for its help; every code with its general meaning when it is not given. */
  exits: ExitMeanings | undefined;
  /** Arguments and options that take more than one value; any other is given once. */
  lists: readonly string[];
  /** Whether SIGHUP asks it for something, and does not end it. */
  hearsHangUps: boolean;
  /** Whether it works through a producer (`--server`) as well. */
  remote: boolean;
  builder: (parser: Argv) => Argv;
  /** Gives the exit code; an error decides it itself. */
  run: (context: CliContext, options: Record<string, unknown>) => Promise<number>;
}

/** Verbs under one word: `jobs list`, `jobs show`. */
export interface VerbGroup {
  command: string;
  describe: string;
  verbs: readonly Verb[];
}

interface TypedVerb<Options> {
  command: string;
  describe: string;
  exits?: ExitMeanings;
  lists?: readonly string[];
  hearsHangUps?: boolean;
  remote?: boolean;
  builder: (parser: Argv) => Argv<object>;
  run: (context: CliContext, options: Options) => Promise<number>;
}

/** Ties a verb's options to what its builder declares; yargs has checked them by the time `run` sees them. */
export function verb<Options>({
  command,
  describe,
  exits,
  lists = [],
  hearsHangUps = false,
  remote = false,
  builder,
  run,
}: TypedVerb<Options>): Verb {
  return {
    command,
    describe,
    exits,
    lists,
    hearsHangUps,
    remote,
    builder: (parser) => builder(parser) as Argv,
    run: (context, options) => run(context, options as Options),
  };
}
