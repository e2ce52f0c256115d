import { glob, mkdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { until } from './until.ts';

const postgresPrograms = ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql', 'createdb'];
const usedPrograms = ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql', 'zstd', 'gzip', 'age'];
const postgresPlaces = [
  '/usr/lib/postgresql/*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
];

/**
 * By a program's name, the shell lines that run in its place: `"$REAL" "$@"` is the real one, and PATH has the
 * system's programs. Null for a program that is not installed.
 */
export type Misbehaviour = Readonly<Record<string, string | null>>;

/**
 * Makes a folder for `tools.path` of a configuration: the real tools by symbolic links, but those that misbehave. Each
 * of these still tells the real one's version, unless its lines are about that. A folder that was made before gets
 * other tools, and a worker that runs finds them.
 */
export async function makeTools(folder: string, misbehaviour: Misbehaviour = {}): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const program of new Set([...usedPrograms, ...Object.keys(misbehaviour)])) {
    const real = await realProgram(program);
    const path = join(folder, program);
    const lines = misbehaviour[program];
    await rm(path, { force: true });
    if (lines === undefined) await symlink(real, path);
    else if (lines !== null) await writeFile(path, script(real, lines), { mode: 0o755 });
  }
  return folder;
}

/** The path of the newest one that is installed; not a packager's wrapper, which would choose by its own rules. */
export async function realProgram(program: string): Promise<string> {
  const places = postgresPrograms.includes(program) ? await Array.fromAsync(glob(postgresPlaces)) : [];
  const found = await createTools({ path: process.env.PATH ?? '', only: undefined }).findAll(program, places);
  const named = await Promise.all(
    found.map(async (path) => ({ path, name: basename(await realpath(path)) })),
  );
  const programs = named.filter(({ name }) => name !== 'pg_wrapper').map(({ path }) => path);
  const newest = programs.toSorted((one, other) => one.localeCompare(other, 'en', { numeric: true })).at(-1);
  if (newest !== undefined) return newest;
  throw new Error(`${program} is not installed: run script/bootstrap`);
}

/** A place in a tool's lines where it stops until the test lets it go on. */
export interface Gate {
  /** The shell lines that stop there. */
  lines: string;
  /** Resolves once a tool waits there. */
  reached(): Promise<void>;
  open(): Promise<void>;
}

export function createGate(folder: string, name: string): Gate {
  const [waiting, opened] = [join(folder, `${name}.waiting`), join(folder, `${name}.opened`)];
  return {
    lines: `: > '${waiting}'; while [ ! -e '${opened}' ]; do sleep 0.02; done`,
    reached: () => until(`a tool waits at ${name}`, () => exists(waiting), 20_000),
    open: () => writeFile(opened, ''),
  };
}

function script(real: string, lines: string): string {
  return [
    '#!/bin/sh',
    `REAL='${real}'`,
    ...(lines.includes('--version') ? [] : ['[ "$1" = --version ] && exec "$REAL" --version']),
    'PATH=/usr/bin:/bin:/usr/local/bin',
    lines,
    '',
  ].join('\n');
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
