import { createTools, type Tools } from '../../src/pipeline/process/tools.ts';

/** The tools of this machine, without those named in `hidden`. */
export function machineTools({ hidden = [] }: { hidden?: readonly string[] } = {}): Tools {
  const tools = createTools({ path: process.env.PATH ?? '', only: undefined });
  return {
    ...tools,
    find: async (program) => (hidden.includes(program) ? undefined : await tools.find(program)),
    findAll: async (program, directories) =>
      hidden.includes(program) ? [] : await tools.findAll(program, directories),
  };
}
