import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { SourceOf } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Stage } from '../../process/stage.ts';
import type { Tools } from '../../process/tools.ts';
import type { EngineContext } from '../engine.ts';

/** A program of the configuration, by a name on the search path or an absolute path, and its arguments. */
export type ProgramLine = readonly string[];

/** The line as a stage, with the operator's own environment. TOOL_MISSING when the program is not there. */
export async function stageOf(
  line: ProgramLine,
  { environment }: Pick<SourceOf<'command'>, 'environment'>,
  { tools, variables = {} }: Pick<EngineContext, 'tools'> & { variables?: Readonly<Record<string, string>> },
): Promise<Stage> {
  const [name = '', ...args] = line;
  const given = Object.entries(environment).map(([variable, value]) => [variable, value.reveal()]);
  return {
    program: await findProgram(name, tools),
    args,
    env: { ...tools.environment, LC_ALL: 'C', ...Object.fromEntries(given), ...variables },
    secrets: Object.values(environment),
  };
}

/** Its absolute path. TOOL_MISSING when nothing that can be run is there. */
export async function findProgram(name: string, tools: Tools): Promise<string> {
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
