import { BackupDataError } from '../../shared/errors.ts';
import type { Tools } from '../process/tools.ts';

/** The absolute path of the first of `programs` that is installed; TOOL_MISSING, naming the last, when none is. */
export async function findProgram(tools: Tools, programs: readonly [string, ...string[]]): Promise<string> {
  for (const program of programs) {
    const found = await tools.find(program);
    if (found !== undefined) return found;
  }
  const needed = programs.at(-1) ?? programs[0];
  throw new BackupDataError(
    'TOOL_MISSING',
    `the program ${needed} is not installed, or not on the search path`,
    {
      hint: `Install it with \`apt-get install ${needed}\` or \`brew install ${needed}\`.`,
    },
  );
}
