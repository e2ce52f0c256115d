import type { SourceOf } from '../../../shared/config/schema.ts';
import { findNamedProgram } from '../../process/named-program.ts';
import type { Stage } from '../../process/stage.ts';
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
    program: await findNamedProgram(name, tools),
    args,
    env: { ...tools.environment, LC_ALL: 'C', ...Object.fromEntries(given), ...variables },
    secrets: Object.values(environment),
  };
}
