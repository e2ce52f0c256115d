import { BackupDataError } from '../../shared/errors.ts';
import type { Stage } from '../process/stage.ts';
import type { EngineContext } from './engine.ts';

/** For programs that open no connection. Their messages are in English, so that what they say can be understood. */
export function plainEnvironment({ tools }: Pick<EngineContext, 'tools'>): Readonly<Record<string, string>> {
  return { ...tools.environment, LC_ALL: 'C' };
}

/** A program of the system's own. TOOL_MISSING. */
export async function needSystemProgram(program: string, { tools }: EngineContext): Promise<string> {
  const path = await tools.find(program);
  if (path !== undefined) return path;
  throw new BackupDataError('TOOL_MISSING', `${program} is not installed here`, {
    hint: 'Install coreutils, or add their folder to tools.path in the configuration.',
  });
}

/** Makes stages that write what a file holds. TOOL_MISSING. */
export async function fileReader(context: EngineContext): Promise<(path: string) => Stage> {
  const program = await needSystemProgram('cat', context);
  const env = plainEnvironment(context);
  return (path) => ({ program, args: [path], env });
}

/** Makes stages that write what they read into a file. TOOL_MISSING. */
export async function fileWriter(context: EngineContext): Promise<(path: string) => Stage> {
  const program = await needSystemProgram('dd', context);
  const env = plainEnvironment(context);
  return (path) => ({ program, args: [`of=${path}`, 'bs=1048576'], env });
}
