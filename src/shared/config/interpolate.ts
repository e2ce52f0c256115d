import { resolve } from 'node:path';
import { argumentProblem } from './arguments.ts';
import { keyOf } from './positions.ts';
import type { Problem } from './problems.ts';
import { FileProblem, type ReadFile, readText } from './read-file.ts';
import type { Reference } from './tree.ts';

/** Environment variables, as the process got them. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

export interface Surroundings {
  env: EnvironmentVariables;
  readFile: ReadFile;
  /** Folder of the configuration file; relative paths start there. */
  folder: string;
}

/** What became of the references of a file. Both maps are by `keyOf(path)`. */
export interface Interpolation {
  problems: readonly Problem[];
  /** Texts that are one `${…}` and nothing else, so that they may also stand for a number. */
  whole: ReadonlyMap<string, { value: string; set(value: unknown): void }>;
  /** Contents of the files that a text names. */
  files: ReadonlyMap<string, readonly string[]>;
}

const maxSecretBytes = 64 * 1024;

/** `$${`, `${…}`, or a `${` that nothing closes. */
const pattern = /\$\$\{|\$\{([^}]*)\}|\$\{/g;

/** Replaces every reference by its value, or by undefined when it has none. A value is never looked into again. */
export async function interpolate(
  references: readonly Reference[],
  surroundings: Surroundings,
): Promise<Interpolation> {
  const lookUp = createLookUp(surroundings);
  const problems: Problem[] = [];
  const whole = new Map<string, { value: string; set(value: unknown): void }>();
  const files = new Map<string, readonly string[]>();
  for (const { path, text, set } of references) {
    const refused = argumentProblem(path);
    const pieces = await Promise.all(
      splitText(text).map((token) => (refused && token.expression ? { problem: refused } : lookUp(token))),
    );
    const wrong = new Set(pieces.flatMap((piece) => ('problem' in piece ? [piece.problem] : [])));
    problems.push(...[...wrong].map((message) => ({ path, message })));
    const values = pieces.flatMap((piece) => ('value' in piece ? [piece] : []));
    const value = values.map((piece) => piece.value).join('');
    set(wrong.size === 0 ? value : undefined);
    if (values.length === 1 && values[0]?.from !== 'text') whole.set(keyOf(path), { value, set });
    files.set(
      keyOf(path),
      values.filter(({ from }) => from === 'file').map((piece) => piece.value),
    );
  }
  return { problems, whole, files };
}

/** A text between references, or the inside of a reference; null when nothing closes it. */
type Token = { literal: string; expression?: never } | { expression: string | null };

type Piece = { value: string; from: 'text' | 'variable' | 'file' } | { problem: string };

function splitText(text: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) tokens.push({ literal: text.slice(end, match.index) });
    tokens.push(match[0] === '$${' ? { literal: '${' } : { expression: match[1] ?? null });
    end = match.index + match[0].length;
  }
  if (end < text.length) tokens.push({ literal: text.slice(end) });
  return tokens;
}

/** Reads each file once. */
function createLookUp({ env, readFile, folder }: Surroundings): (token: Token) => Promise<Piece> {
  const files = new Map<string, Promise<Piece>>();
  const fromFile = (name: string): Promise<Piece> => {
    const known = files.get(name) ?? readSecretFile(name, resolve(folder, name), readFile);
    files.set(name, known);
    return known;
  };
  return async (token) => {
    if ('literal' in token) return { value: token.literal, from: 'text' };
    if (token.expression === null) return { problem: '"${" without its "}"; write $${ for a plain "${"' };
    const file = /^file:(.+)$/.exec(token.expression)?.[1];
    return file === undefined ? fromVariable(token.expression, env) : await fromFile(file);
  };
}

function fromVariable(name: string, env: EnvironmentVariables): Piece {
  if (!/^[A-Za-z_]\w{0,254}$/.test(name)) {
    return { problem: 'only ${NAME} and ${file:/path} are known; write $${ for a plain "${"' };
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === undefined
    ? { problem: `the environment variable ${name} is not set` }
    : { value, from: 'variable' };
}

/** Without one line break at its end, which most editors add. */
async function readSecretFile(name: string, path: string, readFile: ReadFile): Promise<Piece> {
  try {
    const text = await readText(path, maxSecretBytes, readFile);
    return { value: text.replace(/\r?\n$/, ''), from: 'file' };
  } catch (error) {
    if (error instanceof FileProblem) return { problem: `the file ${name} ${error.message}` };
    throw error;
  }
}
