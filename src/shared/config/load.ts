import { checkSource } from './check.ts';
import { placeOf, readEnvironmentSource, setOrUndefined } from './environment-source.ts';
import { readFileSource } from './file-source.ts';
import type { EnvironmentVariables } from './interpolate.ts';
import { keyOf } from './positions.ts';
import { configInvalid } from './problems.ts';
import { FileProblem, type ReadFile, readLimited } from './read-file.ts';
import type { Config } from './schema.ts';
import type { ConfigSource } from './source.ts';

export interface LoadOptions {
  /** What `--config` names; relative to `cwd`. */
  file: string | undefined;
  env: EnvironmentVariables;
  /** The current folder when it is not given. */
  cwd?: string;
  readFile?: ReadFile;
  /** It was a file before: then the environment alone does not do. */
  fromFile?: boolean;
}

const usualFile = 'backupdata.yaml';

/**
 * The configuration: of `file`, else of $BACKUPDATA_CONFIG, else of ./backupdata.yaml if it is there, else of the
 * environment alone. Throws one CONFIG_INVALID whose message has a line for each thing that is wrong.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const source = await readSource(options);
  return checkSource(withInstallation(source, options.env));
}

async function readSource(options: LoadOptions): Promise<ConfigSource> {
  const { env, cwd = process.cwd(), readFile = readLimited } = options;
  const named = options.file ?? setOrUndefined(env, 'BACKUPDATA_CONFIG');
  const file = named ?? usualFile;
  try {
    return await readFileSource({ file, cwd, env, readFile });
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    if (named === undefined && options.fromFile !== true) return readEnvironmentSource({ env, cwd });
    throw configInvalid([{ path: [], message: error.message }], {
      locate: () => ({ line: 0, column: 0, label: file }),
      hint: hintOf(options, named),
    });
  }
}

function hintOf({ file }: LoadOptions, named: string | undefined): string {
  if (named === undefined) return 'It was there when this process read it last; put it back.';
  return `It was named by ${file === undefined ? 'BACKUPDATA_CONFIG' : '--config'}; name a file that exists.`;
}

/** BACKUPDATA_INSTALLATION stands above the file, so that one file serves two installations. */
function withInstallation(source: ConfigSource, env: EnvironmentVariables): ConfigSource {
  const installation = setOrUndefined(env, 'BACKUPDATA_INSTALLATION');
  const { root, locate } = source;
  if (installation === undefined || typeof root !== 'object' || root === null || Array.isArray(root))
    return source;
  const key = keyOf(['installation']);
  return {
    ...source,
    root: { ...root, installation },
    problems: source.problems.filter(({ path }) => keyOf(path) !== key),
    locate: (path) => (keyOf(path) === key ? placeOf('BACKUPDATA_INSTALLATION') : locate(path)),
  };
}
