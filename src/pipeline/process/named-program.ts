import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { BackupDataError } from '../../shared/errors.ts';
import type { Tools } from './tools.ts';

/** The path of a program that the configuration names, by a name on the search path or by an absolute path. TOOL_MISSING when none can be run there. */
export async function findNamedProgram(name: string, tools: Tools): Promise<string> {
  const found = isAbsolute(name) ? await executable(name) : await tools.find(name);
  if (found !== undefined) return found;
  throw new BackupDataError('TOOL_MISSING', `the program ${name} of the configuration is not there`, {
    hint: isAbsolute(name)
      ? 'Install it on every worker of the pool, where its user can run it.'
      : 'Install it on every worker of the pool, or write its absolute path.',
  });
}

async function executable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}
