import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createRecall } from './recall.ts';

/** Milliseconds; many small backups in a row would otherwise search for the same programs again and again. */
const remembered = 5_000;

/** Finds native programs. */
export interface Tools {
  /** What a program that needs more than its own variables is given of the worker's environment: no secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** The first executable of that name, or undefined. */
  find(program: string): Promise<string | undefined>;
  /** Every executable of that name in `directories` after the search path itself, without duplicates, in order. */
  findAll(program: string, directories: readonly string[]): Promise<readonly string[]>;
}

/**
 * Searches `path` (the value of PATH), or only `only` when the configuration names directories of its own.
 * What was found is remembered for seconds only: a tool that is installed while a worker runs is found by a later run.
 */
export function createTools(options: {
  path: string;
  only: readonly string[] | undefined;
  home?: string | undefined;
}): Tools {
  const searched = options.only ?? options.path.split(delimiter).filter((directory) => directory !== '');
  const environment = {
    PATH: searched.join(delimiter),
    ...(options.home === undefined ? {} : { HOME: options.home }),
  };
  const recall = createRecall<string, readonly string[]>(remembered);
  const findAll: Tools['findAll'] = (program, directories) => {
    const all = options.only ? searched : [...searched, ...directories];
    const paths = all.map((directory) => join(directory, program));
    return recall(paths.join(delimiter), () => executables(paths));
  };
  return { environment, findAll, find: async (program) => (await findAll(program, []))[0] };
}

/** Those that can be run, each file once under its first name. */
async function executables(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map(executable));
  return [...new Map(found.flatMap((each) => (each ? [[each.real, each.path] as const] : []))).values()];
}

async function executable(path: string): Promise<{ path: string; real: string } | undefined> {
  try {
    await access(path, constants.X_OK);
    return { path, real: await realpath(path) };
  } catch {
    return undefined;
  }
}
