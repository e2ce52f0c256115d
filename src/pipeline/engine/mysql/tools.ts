import { dirname, join } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import { createRecall } from '../../process/recall.ts';
import type { Tools } from '../../process/tools.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from './client-options.ts';
import { compareVersions, type Flavour, isAsNew, products, readVersion } from './version.ts';

/** The client programs of one installation; they belong together. */
export interface ClientTools {
  flavour: Flavour;
  /** `10.11.19`. */
  version: string;
  dump: string;
  client: string;
}

/** What the tools must be able to dump, and how messages name it. */
export interface ToolRequest {
  flavour: Flavour;
  /** A server's version; its first two numbers count. */
  atLeast: string;
  /** `the server is MariaDB 10.11.19`. */
  because: string;
}

/** Finds the tools, and remembers them for seconds. */
export interface ClientToolsFinder {
  /** Every installation, the lowest version first. */
  installed(context: EngineContext): Promise<readonly ClientTools[]>;
  /** For a dump: the lowest that is of the server's flavour and not of an older series. TOOL_MISSING or TOOL_TOO_OLD. */
  choose(request: ToolRequest, context: EngineContext): Promise<ClientTools>;
  /** To speak to a server: the newest, of that flavour where there is one. TOOL_MISSING. */
  any(flavour: Flavour, context: EngineContext): Promise<ClientTools>;
}

/** Milliseconds, as for other tools. */
const remembered = 5_000;

const usualPlaces = [
  '/usr/local/mysql/bin',
  '/opt/homebrew/opt/mysql-client/bin',
  '/opt/homebrew/opt/mariadb/bin',
  '/usr/local/opt/mysql-client/bin',
  '/usr/local/opt/mariadb/bin',
];

export function createClientToolsFinder(): ClientToolsFinder {
  const recall = createRecall<Tools, readonly ClientTools[]>(remembered);
  const installed = (context: EngineContext): Promise<readonly ClientTools[]> =>
    recall(context.tools, async () => {
      const found = await findInstalled(context);
      return found.toSorted((one, other) => compareVersions(one.version, other.version));
    });
  return {
    installed,
    choose: async (request, context) => {
      const found = (await installed(context)).filter(({ flavour }) => flavour === request.flavour);
      const lowest = found.find(({ version }) => isAsNew(version, request.atLeast));
      if (lowest) return lowest;
      const newest = found.at(-1);
      throw newest ? tooOld(request, newest) : missing(request);
    },
    any: async (flavour, context) => {
      const found = await installed(context);
      const newest = found.findLast((tools) => tools.flavour === flavour) ?? found.at(-1);
      if (newest) return newest;
      throw missing({ flavour, because: `a ${products[flavour]} server is to be reached` });
    },
  };
}

async function findInstalled(context: EngineContext): Promise<ClientTools[]> {
  const dumps = await Promise.all(
    ['mariadb-dump', 'mysqldump'].map((program) => context.tools.findAll(program, usualPlaces)),
  );
  const found = await Promise.all(dumps.flat().map((dump) => describe(dump, context)));
  const complete = found.filter((tools) => tools !== undefined);
  // MariaDB installs its programs under both names; of the same version those that are found first are meant.
  const known = complete.map((tools) => [`${tools.flavour} ${tools.version}`, tools] as const).reverse();
  return [...new Map(known).values()];
}

async function describe(dump: string, context: EngineContext): Promise<ClientTools | undefined> {
  const described = await askVersion(dump, context);
  if (!described) return undefined;
  const clients = (described.flavour === 'mariadb' ? ['mariadb', 'mysql'] : ['mysql']).map((name) =>
    join(dirname(dump), name),
  );
  for (const client of clients) {
    const own = await askVersion(client, context);
    if (own?.flavour === described.flavour) return { ...described, dump, client };
  }
  return undefined;
}

/** Undefined when the program does not work, for want of a library perhaps: then it is as good as not installed. */
async function askVersion(program: string, context: EngineContext) {
  const stage = { program, args: ['--version'], env: plainEnvironment(context) };
  const { code, stdout } = await capture(stage, { signal: context.signal, maxBytes: 64 * 1024 });
  return code === 0 ? readVersion(stdout.toString('utf8')) : undefined;
}

function missing({ flavour, because }: Pick<ToolRequest, 'flavour' | 'because'>): BackupDataError {
  const programs = flavour === 'mysql' ? 'mysqldump, mysql' : 'mariadb-dump, mariadb';
  return new BackupDataError(
    'TOOL_MISSING',
    `${because}, and ${products[flavour]}'s client programs (${programs}) are not installed here`,
    { hint: installHint(flavour) },
  );
}

function tooOld({ flavour, because }: ToolRequest, newest: ClientTools): BackupDataError {
  return new BackupDataError(
    'TOOL_TOO_OLD',
    `${because}, the newest dump program of ${products[flavour]} here is ${newest.version}`,
    { hint: installHint(flavour) },
  );
}

function installHint(flavour: Flavour): string {
  if (flavour === 'mariadb')
    return "Install MariaDB's client programs of the server's series or newer: `apt-get install mariadb-client` or `brew install mariadb`.";
  return "Install MySQL's own client programs of the server's series or newer (the package mysql-client of MySQL's repository, or `brew install mysql-client`).";
}
