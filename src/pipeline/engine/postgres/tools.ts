import { constants } from 'node:fs';
import { access, glob, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import { createRecall } from '../../process/recall.ts';
import type { Tools } from '../../process/tools.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';

/** The client programs of one PostgreSQL installation; they belong together. */
export interface ClientTools {
  major: number;
  /** `15.18`. */
  version: string;
  pgDump: string;
  pgDumpall: string;
  pgRestore: string;
  psql: string;
}

/** What the tools must be able to talk to, and how messages name it. */
export interface ToolRequest {
  /** The major version that is needed at least. */
  atLeast: number;
  /** `the server is PostgreSQL 17`. */
  because: string;
}

/** Finds the tools, and remembers versions: a program is asked for its version once, and again only when its file changed. */
export interface ClientToolsFinder {
  /** Every installation, the lowest version first. */
  installed(context: EngineContext): Promise<readonly ClientTools[]>;
  /** The lowest installed major that is enough; TOOL_MISSING or TOOL_TOO_OLD. */
  choose(request: ToolRequest, context: EngineContext): Promise<ClientTools>;
}

/** Milliseconds, as for other tools. */
const remembered = 5_000;

const usualPlaces = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/opt/homebrew/opt/libpq/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/usr/local/opt/libpq/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
];

export function createClientToolsFinder(): ClientToolsFinder {
  const versions = new Map<string, string>();
  const recall = createRecall<Tools, readonly ClientTools[]>(remembered);
  const installed = (context: EngineContext): Promise<readonly ClientTools[]> =>
    recall(context.tools, async () => {
      const found = await findInstalled(versions, context);
      return found.toSorted((one, other) => one.major - other.major);
    });
  return {
    installed,
    choose: async (request, context) => {
      const found = await installed(context);
      const lowest = found.find((tools) => tools.major >= request.atLeast);
      if (!lowest) throw found.length === 0 ? missing(request) : tooOld(request, found);
      return lowest;
    },
  };
}

async function findInstalled(versions: Map<string, string>, context: EngineContext): Promise<ClientTools[]> {
  const directories = (await Array.fromAsync(glob(usualPlaces))).sort();
  const dumps = await context.tools.findAll('pg_dump', directories);
  const found = await Promise.all(dumps.map((path) => describe(path, versions, context)));
  return found.filter((tools) => tools !== undefined);
}

async function describe(
  pgDump: string,
  versions: Map<string, string>,
  context: EngineContext,
): Promise<ClientTools | undefined> {
  // Debian's wrapper would start Perl at every call, and choose a version by itself.
  if (basename(await realpath(pgDump)) === 'pg_wrapper') return undefined;
  const paths = siblings(pgDump);
  const complete = await Promise.all(Object.values(paths).map(isExecutable));
  if (complete.includes(false)) return undefined;
  const version = await versionOf(pgDump, versions, context);
  return version === undefined ? undefined : { major: Number.parseInt(version, 10), version, ...paths };
}

function siblings(pgDump: string) {
  const directory = dirname(pgDump);
  return {
    pgDump,
    pgDumpall: join(directory, 'pg_dumpall'),
    pgRestore: join(directory, 'pg_restore'),
    psql: join(directory, 'psql'),
  };
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function versionOf(
  pgDump: string,
  versions: Map<string, string>,
  context: EngineContext,
): Promise<string | undefined> {
  const real = await realpath(pgDump);
  const { mtimeMs, size } = await stat(real);
  const key = `${real} ${mtimeMs} ${size}`;
  const known = versions.get(key) ?? (await askVersion(pgDump, context));
  if (known !== undefined) versions.set(key, known);
  return known;
}

/** Undefined when the program does not work, for want of a library perhaps: then it is as good as not installed. */
async function askVersion(pgDump: string, context: EngineContext): Promise<string | undefined> {
  const stage = { program: pgDump, args: ['--version'], env: plainEnvironment(context) };
  const { code, stdout } = await capture(stage, { signal: context.signal, maxBytes: 64 * 1024 });
  if (code !== 0) return undefined;
  return /\(PostgreSQL\) (\d[\w.]*)/.exec(stdout.toString('utf8'))?.[1];
}

function missing({ atLeast, because }: ToolRequest): BackupDataError {
  return new BackupDataError(
    'TOOL_MISSING',
    `${because}, and no PostgreSQL client tools (pg_dump, pg_dumpall, pg_restore, psql) are installed here`,
    {
      hint: installHint(atLeast),
    },
  );
}

function tooOld({ atLeast, because }: ToolRequest, installed: readonly ClientTools[]): BackupDataError {
  const newest = Math.max(...installed.map((tools) => tools.major));
  return new BackupDataError('TOOL_TOO_OLD', `${because}, the newest pg_dump here is ${newest}`, {
    hint: installHint(atLeast),
  });
}

function installHint(major: number): string {
  return `Install the client tools of ${major} or newer: \`apt-get install postgresql-client-${major}\` or \`brew install postgresql@${major}\`.`;
}
