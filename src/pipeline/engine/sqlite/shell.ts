import { type Captured, capture } from '../../process/capture.ts';
import { StageFailure, succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';
import { needSqlite } from './tools.ts';

interface Opened {
  /** Absolute: so it is read neither as an option nor as a URI. */
  path: string;
  /** Whether the file may be changed. It must be there: sqlite3 makes a missing one. */
  write?: boolean;
  /** More options of sqlite3. */
  options?: readonly string[];
}

export interface Statements extends Opened {
  sql: string;
}

/** Runs SQL in one file. How sqlite3 ended is the caller's to judge: an error's code is SQLite's own. */
export function runSql({ sql, ...opened }: Statements, context: EngineContext): Promise<Captured> {
  return runShell({ ...opened, commands: [sqlCommand(sql)] }, context);
}

/** Runs commands in one connection, up to the first that fails. */
export async function runShell(
  { path, write = false, options = [], commands }: Opened & { commands: readonly string[] },
  context: EngineContext,
): Promise<Captured> {
  const { program } = await needSqlite(context);
  const args = [
    '-batch',
    '-bail',
    // What the user's own .sqliterc says must not count.
    ...['-init', '/dev/null'],
    ...['-cmd', `.timeout ${context.connectTimeout}`],
    ...(write ? [] : ['-readonly']),
    ...options,
    path,
    ...commands,
  ];
  return capture(
    { program, args, env: plainEnvironment(context) },
    { signal: context.signal, maxBytes: 64 << 20 },
  );
}

/** After a blank nothing is a command of the shell: it could start programs. */
export function sqlCommand(sql: string): string {
  return ` ${sql}`;
}

/** Copies the open database to a file, whose name is read as in C. */
export function backupCommand(path: string): string {
  return `.backup main "${path.replaceAll(/[\\"]/g, '\\$&')}"`;
}

/** The lines that SQL gives. Throws StageFailure when it fails. */
export async function linesOf(statements: Statements, context: EngineContext): Promise<string[]> {
  const { stdout, ...exit } = await runSql(statements, context);
  if (!succeeded(exit)) throw new StageFailure([exit]);
  return stdout.toString('utf8').split('\n').slice(0, -1);
}

/** The rows that one query gives, as objects. Throws StageFailure when it fails. */
export async function rowsOf<Row>(statements: Statements, context: EngineContext): Promise<readonly Row[]> {
  const text = (await linesOf({ ...statements, options: ['-json'] }, context)).join('\n');
  return text === '' ? [] : (JSON.parse(text) as Row[]);
}

export function literalOf(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function identifierOf(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
