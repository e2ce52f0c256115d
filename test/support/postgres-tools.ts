import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const clientPrograms = ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql'] as const;

/**
 * Makes a folder of programs that say they are PostgreSQL's client tools of that version, and append a line to the file
 * `asked` in it each time. `lines` are shell lines for a program that is to do something else.
 */
export async function installClientTools(
  folder: string,
  version: string,
  {
    programs = clientPrograms,
    lines = {},
  }: { programs?: readonly string[]; lines?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of programs) {
    const says = lines[name] ?? `echo asked >> '${folder}/asked'; echo '${name} (PostgreSQL) ${version}'`;
    await writeFile(join(folder, name), `#!/bin/sh\n${says}\n`, { mode: 0o755 });
  }
  return folder;
}
