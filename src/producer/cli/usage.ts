import { BackupDataError } from '../../shared/errors.ts';
import type { Verb } from './verb.ts';
import { verbs } from './verbs/verbs.ts';

/** What yargs says of a command line, as an error of ours: one sentence, and the help page of that command. */
export function usageError(message: string, argv: readonly string[]): BackupDataError {
  const found = rewordings.find(([pattern]) => pattern.test(message));
  const sentence = found ? message.replace(...found) : message;
  return new BackupDataError('USAGE', sentence, { hint: hintFor(argv) });
}

/** An option that takes one value and was given two: neither may be forgotten without a word. */
export function refuseRepeated(
  { lists }: Verb,
  options: Readonly<Record<string, unknown>>,
  argv: readonly string[],
): void {
  const repeated = Object.keys(options).find(
    (name) => name !== '_' && !lists.includes(name) && Array.isArray(options[name]),
  );
  if (repeated !== undefined) throw usageError(`--${repeated} may be given only once`, argv);
}

const rewordings: readonly (readonly [RegExp, string])[] = [
  [/^Not enough non-option arguments.*$/s, 'an argument is missing'],
  [/^Not enough arguments following: (.*)$/s, 'a value is missing after --$1'],
  [/^Missing required arguments?: (.*)$/s, 'an option is missing: --$1'],
  [/^Invalid values:\s+Argument: (\S+), Given: (.*), Choices: (.*)$/s, '--$1 takes $3, and not $2'],
  [/^Unknown commands?: (.*)$/s, 'unknown command or argument: $1'],
  [/^Unknown arguments?: (.*)$/s, 'unknown argument: $1'],
];

function hintFor(argv: readonly string[]): string {
  const names = verbs.map(({ command }) => command.split(' ')[0]);
  const verb = argv.find((word) => names.includes(word));
  return verb === undefined
    ? 'See `backupdata --help`, or `backupdata COMMAND --help`.'
    : `See \`backupdata ${verb} --help\`.`;
}
