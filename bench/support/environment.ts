import { execFile } from 'node:child_process';
import { cpus, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import { query } from '../../test/support/postgres.ts';
import type { Bench, Dataset } from './bench.ts';
import { storedSize } from './units.ts';

const run = promisify(execFile);

/** What the numbers depend on, one line each. */
export async function describeEnvironment({ postgres, tools, size, datasets }: Bench): Promise<string[]> {
  const [server] = await query<{ version: string }>(
    postgres.adminUrl,
    "SELECT current_setting('server_version') AS version",
  );
  const processors = cpus();
  return [
    `${processors.length} cores (${processors[0]?.model.trim() ?? 'unknown'}), ${storedSize(totalmem())} of memory, ${type()}`,
    `Node ${process.versions.node}`,
    `PostgreSQL ${server?.version.split(' ', 1)[0]}, pg_dump ${await versionOf(tools.pgDump)}`,
    `zstd ${await versionOf(tools.zstd)}, Redis ${await versionOf('redis-server')}`,
    `size \`${size.name}\`${datasets.map(describeDataset).join('')}`,
  ];
}

function describeDataset({ name, dumpBytes, compressedBytes }: Dataset): string {
  const times = (dumpBytes / compressedBytes).toFixed(1);
  return `; the ${name} database is ${storedSize(dumpBytes)} as a dump, and ${storedSize(compressedBytes)} by \`zstd -1\` (${times} times less)`;
}

/** The first number with a dot in what a program says of itself. */
async function versionOf(program: string): Promise<string> {
  const { stdout } = await run(program, ['--version']);
  return /\d+\.[\d.]*\d/.exec(stdout)?.[0] ?? 'unknown';
}
