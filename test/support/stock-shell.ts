import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { realProgram } from './misbehaving-tools.ts';
import type { TestPostgres } from './postgres.ts';

const execute = promisify(execFile);

/** PostgreSQL's programs that RESTORE.md uses. */
export const clientPrograms = ['pg_restore', 'psql', 'createdb'];

/** A shell in a folder with nothing but the files of a backup, and a PATH with nothing but what RESTORE.md names. */
export interface StockShell {
  folder: string;
  /** Of the reader, for every command. */
  env: Record<string, string>;
  run(
    command: string,
    env?: Record<string, string>,
  ): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** `sha256sum` and `cat` are always there; `bin` is made for the links to them and to `programs`. */
export async function openStockShell(options: {
  folder: string;
  bin: string;
  programs: readonly string[];
}): Promise<StockShell> {
  const { folder, bin, programs } = options;
  await mkdir(bin);
  for (const program of [...programs, 'sha256sum', 'cat'])
    await symlink(await realProgram(program), join(bin, program));
  const common: Record<string, string> = { PATH: bin, HOME: folder };
  return {
    folder,
    env: common,
    run: async (command, env = {}) => {
      const settings = { cwd: folder, env: { ...common, ...env }, maxBuffer: 64 * 1024 * 1024 };
      return execute('/bin/sh', ['-c', command], settings).then(
        (ended) => ({ code: 0, ...ended }),
        ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
          code,
          stdout,
          stderr,
        }),
      );
    },
  };
}

/** The commands of the RESTORE.md in that folder; the first shows the dump, the others restore it. */
export async function commandsOf(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'RESTORE.md'), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)\n```$/gm)].map((match) => match[1] ?? '');
  assert.ok(blocks.length >= 4, text);
  return blocks;
}

/** As libpq is told. */
export function connectionTo(server: TestPostgres): Record<string, string> {
  const { hostname, port, username, password } = new URL(server.adminUrl);
  return { PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: decodeURIComponent(password) };
}
