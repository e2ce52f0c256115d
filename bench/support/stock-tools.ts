import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { createClientToolsFinder } from '../../src/pipeline/engine/postgres/tools.ts';
import { createTools } from '../../src/pipeline/process/tools.ts';

/** The tools that BackUpData is compared with: the very programs that its worker starts. */
export interface StockTools {
  /** The folders of pg_dump and of all others, for PATH; Debian's slow wrapper of pg_dump is not in front of it. */
  path: string;
  pgDump: string;
  pgDumpall: string;
  zstd: string;
}

/** Finds them as the worker does, for a server of that major version. */
export async function findStockTools(serverMajor: number, signal: AbortSignal): Promise<StockTools> {
  const path = process.env.PATH ?? '';
  const tools = createTools({ path, only: undefined });
  const request = { atLeast: serverMajor, because: `the server is PostgreSQL ${serverMajor}` };
  const { pgDump, pgDumpall } = await createClientToolsFinder().choose(request, {
    tools,
    connectTimeout: 10_000,
    signal,
  });
  const zstd = await tools.find('zstd');
  if (zstd === undefined) throw new Error('zstd is not installed: run script/bootstrap');
  return { pgDump, pgDumpall, zstd, path: [dirname(pgDump), dirname(zstd), path].join(':') };
}

export interface ShellRun {
  tools: StockTools;
  /** As one would type it; libpq's variables are set, and `$FILE`. */
  script: string;
  /** The PostgreSQL database, where it is about one. */
  url?: string;
  /** Where the output goes, when it goes to a file. */
  file?: string;
  /** More variables. */
  variables?: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

export interface ShellResult {
  stdout: string;
  /** From before the shell's start to after its end. */
  milliseconds: number;
}

/** Runs a script by `sh`. Throws when anything complains. */
export async function runShell(run: ShellRun): Promise<ShellResult> {
  const { tools, script, url, file = '', variables = {}, signal } = run;
  const libpq = url === undefined ? {} : libpqEnvironment(url);
  const env = { ...libpq, PATH: tools.path, LC_ALL: 'C', FILE: file, ...variables };
  const start = performance.now();
  const shell = spawn('/bin/sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const [stdout, complaint, [code]] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, 'close'),
  ]);
  const milliseconds = performance.now() - start;
  // A pipeline's exit code is its last program's, so a failed dump shows only here.
  if (code !== 0 || complaint !== '') throw new Error(`\`${script}\` ended with ${code}: ${complaint}`);
  return { stdout, milliseconds };
}

function libpqEnvironment(url: string): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const [user = '', secret = '', database = ''] = [username, password, pathname.slice(1)].map(
    decodeURIComponent,
  );
  return { PGHOST: hostname, PGPORT: port, PGUSER: user, PGPASSWORD: secret, PGDATABASE: database };
}
