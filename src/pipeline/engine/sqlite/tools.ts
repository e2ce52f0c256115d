import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import type { EngineContext, InstalledTool } from '../engine.ts';

/** Messages in English; nothing of the worker's home, where the program would look for commands to run first. */
export function plainEnvironment({ tools }: Pick<EngineContext, 'tools'>): Readonly<Record<string, string>> {
  return { PATH: tools.environment.PATH ?? '', LC_ALL: 'C' };
}

/** The path of a program. TOOL_MISSING. */
export async function needProgram(
  program: 'sqlite3' | 'cat' | 'dd',
  { tools }: EngineContext,
): Promise<string> {
  const path = await tools.find(program);
  if (path !== undefined) return path;
  const packaged = program === 'sqlite3' ? 'sqlite3' : 'coreutils';
  throw new BackupDataError('TOOL_MISSING', `${program} is not installed here`, {
    hint: `Install it (on Debian \`apt-get install ${packaged}\`), or add its folder to tools.path.`,
  });
}

/** The sqlite3 that is used. TOOL_MISSING; TOOL_TOO_OLD below `atLeast`, such as `3.40.1`. */
export async function needSqlite(context: EngineContext, atLeast = oldest): Promise<InstalledTool> {
  const path = await needProgram('sqlite3', context);
  const version = await versionOf(path, context);
  if (!isOlder(version, atLeast)) return { program: 'sqlite3', version, path };
  throw new BackupDataError(
    'TOOL_TOO_OLD',
    `sqlite3 here is ${version || 'of no known version'}, and ${atLeast} is needed`,
    { hint: 'Install a newer sqlite3, or add the folder of one to tools.path.' },
  );
}

export async function installedTools(context: EngineContext): Promise<readonly InstalledTool[]> {
  const path = await context.tools.find('sqlite3');
  return path === undefined ? [] : [{ program: 'sqlite3', version: await versionOf(path, context), path }];
}

/** The first with VACUUM INTO. */
const oldest = '3.27';

async function versionOf(program: string, context: EngineContext): Promise<string> {
  const stage = { program, args: ['--version'], env: plainEnvironment(context) };
  const { stdout } = await capture(stage, { signal: context.signal, maxBytes: 64 * 1024 });
  return /^\d+(?:\.\d+)+/.exec(stdout.toString('utf8'))?.[0] ?? '';
}

/** By the first two numbers: the others are corrections. */
function isOlder(version: string, than: string): boolean {
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [numbers(version), numbers(than)];
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

function numbers(version: string): number[] {
  return version.split('.').map(Number);
}
