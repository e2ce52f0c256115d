import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import type { EngineContext, InstalledTool } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';
import { isOlder } from '../versions.ts';

/** The first release whose shell writes JSON and runs without its own commands. */
const oldest = '3.37';

/** The path of sqlite3. TOOL_MISSING, TOOL_TOO_OLD. */
export async function needSqlite(context: EngineContext): Promise<{ program: string; version: string }> {
  const [installed] = await installedTools(context);
  if (!installed)
    throw new BackupDataError('TOOL_MISSING', 'sqlite3 is not installed here', {
      hint: 'Install it (on Debian `apt-get install sqlite3`), or add its folder to tools.path.',
    });
  const { path, version } = installed;
  if (isOlder(version, oldest))
    throw new BackupDataError('TOOL_TOO_OLD', `${path} is of version ${version || 'unknown'}`, {
      hint: `Install sqlite3 ${oldest} or newer, or add its folder to tools.path.`,
    });
  return { program: path, version };
}

export async function installedTools(context: EngineContext): Promise<readonly InstalledTool[]> {
  const path = await context.tools.find('sqlite3');
  return path === undefined ? [] : [{ program: 'sqlite3', path, version: await versionOf(path, context) }];
}

/** `3.40.1`; empty when the program does not tell. */
async function versionOf(program: string, context: EngineContext): Promise<string> {
  const stage = { program, args: ['-version'], env: plainEnvironment(context) };
  const { stdout } = await capture(stage, { signal: context.signal, maxBytes: 64 * 1024 });
  return /^\d+(?:\.\d+)+/.exec(stdout.toString('utf8'))?.[0] ?? '';
}
