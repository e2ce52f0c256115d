import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import type { EngineContext, InstalledTool } from '../engine.ts';
import { isOlder } from '../versions.ts';

/** Messages in English; nothing of the worker's home, where the program would look for commands to run first. */
export function plainEnvironment({ tools }: Pick<EngineContext, 'tools'>): Readonly<Record<string, string>> {
  return { PATH: tools.environment.PATH ?? '', LC_ALL: 'C' };
}

/** The path of sqlite3. TOOL_MISSING. */
export async function needProgram({ tools }: EngineContext): Promise<string> {
  const path = await tools.find('sqlite3');
  if (path !== undefined) return path;
  throw new BackupDataError('TOOL_MISSING', 'sqlite3 is not installed here', {
    hint: 'Install it (on Debian `apt-get install sqlite3`), or add its folder to tools.path.',
  });
}

/** The sqlite3 that is used. TOOL_MISSING; TOOL_TOO_OLD below `atLeast`, such as `3.40.1`. */
export async function needSqlite(context: EngineContext, atLeast = oldest): Promise<InstalledTool> {
  const path = await needProgram(context);
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
