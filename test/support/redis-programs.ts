import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createTools, type Tools } from '../../src/pipeline/process/tools.ts';
import { type Misbehaviour, realProgram } from './misbehaving-tools.ts';

/** The tools of this machine, but for those that misbehave: these are made in the folder. */
export async function misbehavingPrograms(folder: string, programs: Misbehaviour): Promise<Tools> {
  for (const [name, lines] of Object.entries(programs)) {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\nREAL='${await realProgram(name)}'\n${lines}\n`);
    await chmod(path, 0o755);
  }
  return createTools({ path: [folder, process.env.PATH].join(delimiter), only: undefined });
}
