import type { Argv } from 'yargs';
import { exitCodesText } from './exit-codes.ts';
import { serverOptions } from './server-options.ts';
import type { Verb, VerbGroup } from './verb.ts';

/** What a command line without a command is answered with, beside the help. */
export const missingCommand = 'name a command';

export type RunVerb = (verb: Verb, options: Record<string, unknown>) => Promise<void>;

/** Declares the verbs, and those of each group under its word. Each help page ends with the exit codes. */
export function addCommands(parser: Argv, commands: readonly (Verb | VerbGroup)[], run: RunVerb): Argv {
  return commands.reduce(
    (added, each) => ('verbs' in each ? addGroup(added, each, run) : addVerb(added, each, run)),
    parser,
  );
}

function addVerb(parser: Argv, verb: Verb, run: RunVerb): Argv {
  const { command, describe } = verb;
  return parser.command({
    command,
    describe,
    builder: (page) =>
      serverOptions(verb.builder(page), { hidden: !verb.remote }).epilogue(exitCodesText(verb.exits)),
    handler: (options) => run(verb, options),
  });
}

function addGroup(parser: Argv, { command, describe, verbs }: VerbGroup, run: RunVerb): Argv {
  return parser.command({
    command,
    describe,
    builder: (page) =>
      addCommands(page, verbs, run).demandCommand(1, missingCommand).epilogue(exitCodesText({})),
    handler: () => undefined,
  });
}
