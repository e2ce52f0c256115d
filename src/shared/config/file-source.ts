import { dirname, resolve } from 'node:path';
import { parseText } from './document.ts';
import { type EnvironmentVariables, interpolate } from './interpolate.ts';
import { createPositions } from './positions.ts';
import { configInvalid } from './problems.ts';
import { FileProblem, type ReadFile, readText } from './read-file.ts';
import type { ConfigSource } from './source.ts';
import { readTree } from './tree.ts';

export interface FileOptions {
  /** As messages give it. */
  file: string;
  /** A relative `file` starts here. */
  cwd: string;
  env: EnvironmentVariables;
  readFile: ReadFile;
}

const maxFileBytes = 8 * 2 ** 20;

/** Reads a YAML configuration and all that it asks for. Throws CONFIG_INVALID; FileProblem when the file is missing. */
export async function readFileSource({ file, cwd, env, readFile }: FileOptions): Promise<ConfigSource> {
  const path = resolve(cwd, file);
  const text = await readConfigText({ file, path, readFile });
  const { document, lines, faults } = parseText(text);
  const positions = createPositions(file, lines);
  if (faults.length > 0) {
    const problems = faults.map(({ message }, index) => ({ path: [index], message }));
    throw configInvalid(problems, { locate: ([index]) => positions.at(faults[Number(index)]?.offset ?? 0) });
  }
  const tree = readTree(document, positions);
  const folder = dirname(path);
  const { problems, whole, files } = await interpolate(tree.references, { env, readFile, folder });
  return {
    origin: file,
    folder,
    root: tree.root,
    locate: positions.locate,
    problems: [...tree.problems, ...problems],
    whole,
    files,
  };
}

async function readConfigText(options: { file: string; path: string; readFile: ReadFile }): Promise<string> {
  const { file, path, readFile } = options;
  try {
    return await readText(path, maxFileBytes, readFile);
  } catch (error) {
    if (!(error instanceof FileProblem) || error.missing) throw error;
    throw configInvalid([{ path: [], message: error.message }], {
      locate: () => ({ line: 0, column: 0, label: file }),
    });
  }
}
