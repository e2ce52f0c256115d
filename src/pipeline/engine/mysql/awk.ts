import { BackupDataError } from '../../../shared/errors.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from './client-options.ts';

/**
 * A stage that reads a dump line by line, bytes as they are. Values reach the program by its environment, where no character
 * means anything. TOOL_MISSING.
 */
export async function awkStage(
  { program, env = {} }: { program: string; env?: Readonly<Record<string, string>> },
  context: EngineContext,
): Promise<Stage> {
  const awk = await context.tools.find('awk');
  if (awk === undefined)
    throw new BackupDataError('TOOL_MISSING', 'awk is not installed, and a dump is read by it', {
      hint: 'Install awk, or add its folder to tools.path in the configuration.',
    });
  return { program: awk, args: [program], env: { ...plainEnvironment(context), ...env } };
}
