import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import { needProgram, plainEnvironment } from './tools.ts';

/** Makes stages that write what they read into a file. TOOL_MISSING. */
export async function fileWriter(context: EngineContext): Promise<(path: string) => Stage> {
  const program = await needProgram('dd', context);
  const env = plainEnvironment(context);
  return (path) => ({ program, args: [`of=${path}`, 'bs=1048576'], env });
}
