import { capture } from '../../process/capture.ts';
import { StageFailure, succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { needProgram, plainEnvironment } from './tools.ts';

export interface SqlRequest {
  /** Absolute: so it is never read as an option, nor as a URI. */
  path: string;
  /** Each begins with a word of SQL, or is a command of the program. They share one connection; the first that fails ends it. */
  statements: readonly string[];
  /** Whether the file may be changed. It is never made. */
  write?: boolean;
}

/**
 * Runs statements and gives the rows of those that have some, as JSON. Throws StageFailure with the program's own words.
 * Statements are arguments, not input, because a line of input that begins with a dot would be a command of the program.
 */
export async function runSql<Row>(
  { path, statements, write = false }: SqlRequest,
  context: EngineContext,
): Promise<Row[]> {
  const program = await needProgram(context);
  const stage = {
    program,
    args: [
      // A file of commands in the user's home is not read.
      ...['-init', '/dev/null', '-batch', '-bail', '-json', ...(write ? [] : ['-readonly'])],
      ...['-cmd', `.timeout ${context.connectTimeout}`, path, ...statements],
    ],
    env: plainEnvironment(context),
  };
  const { stdout, ...exit } = await capture(stage, { signal: context.signal, maxBytes: 64 << 20 });
  if (!succeeded(exit)) throw new StageFailure([{ ...exit, stderr: wordsOf(exit.stderr) }]);
  return parseResults<Row>(stdout.toString('utf8'));
}

/** Without the program's own words in front, which differ from one release to another. */
function wordsOf(stderr: string): string {
  return stderr.replace(
    /^(Error|Runtime error|Parse error)( near line \d+)?: (in prepare, |stepping, )?/gm,
    '',
  );
}

/** A text as SQL writes it. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as SQL writes it. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an argument of a command of the program. */
export function commandText(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** One array after another, each with a line break behind it. */
function parseResults<Row>(printed: string): Row[] {
  return printed
    .split(/(?<=\])\n(?=\[|$)/)
    .filter((each) => each.trim() !== '')
    .flatMap((each) => JSON.parse(each) as Row[]);
}
