import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { machineTools } from '../../test/support/tools.ts';
import { median } from './statistics.ts';
import type { StockTools } from './stock-tools.ts';

const run = promisify(execFile);

/** A folder of tools whose pg_dump writes down when it was started, and then is the real one. */
export interface StampedTools {
  directory: string;
  /** When each dump so far was started, in milliseconds since the epoch, without the stamp's own cost. */
  starts(): Promise<number[]>;
  /** Milliseconds from the start of the program to the time that it writes down. */
  cost: number;
}

/** Makes the folder at `directory`. The cost is the median of `runs` stamps that start a stamp. */
export async function stampTools(options: {
  directory: string;
  tools: StockTools;
  runs: number;
}): Promise<StampedTools> {
  const { directory, tools } = options;
  await mkdir(directory);
  const date = await findTool('date');
  const stamps = join(directory, 'stamps');
  await linkTools(directory, tools);
  await writeProgram(join(directory, 'pg_dump'), stampThen({ date, stamps, program: tools.pgDump }));
  const cost = await stampCost({ ...options, date });
  const starts = async (): Promise<number[]> => (await readStamps(stamps)).map((at) => at - cost);
  return { directory, starts, cost };
}

/** The programs that the worker wants beside pg_dump; the real ones find each other by their real folder. */
async function linkTools(directory: string, { pgDump, zstd }: StockTools): Promise<void> {
  const beside = ['pg_dumpall', 'pg_restore', 'psql'];
  await Promise.all(beside.map((name) => symlink(join(dirname(pgDump), name), join(directory, name))));
  await symlink(zstd, join(directory, 'zstd'));
}

/** Being asked for its version is no dump. */
function stampThen({ date, stamps, program }: { date: string; stamps: string; program: string }): string {
  return `#!/bin/sh\n[ "$1" = --version ] || '${date}' +%s%N >> '${stamps}'\nexec '${program}' "$@"\n`;
}

/** A stamp that starts a stamp, many times: what lies between the two times is the cost of one. */
async function stampCost(options: { directory: string; date: string; runs: number }): Promise<number> {
  const { directory, date, runs } = options;
  const stamps = join(directory, 'cost');
  const [inner, outer] = [join(directory, 'inner'), join(directory, 'outer')];
  await writeProgram(inner, stampThen({ date, stamps, program: await findTool('true') }));
  await writeProgram(outer, stampThen({ date, stamps, program: inner }));
  for (let count = 0; count < runs; count += 1) await run(outer, []);
  const times = await readStamps(stamps);
  const costs = times.flatMap((at, index) => (index % 2 === 1 ? [at - (times[index - 1] ?? at)] : []));
  return median(costs);
}

async function readStamps(path: string): Promise<number[]> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n');
  return lines.map((nanoseconds) => Number(BigInt(nanoseconds) / 1_000n) / 1_000);
}

async function writeProgram(path: string, script: string): Promise<void> {
  await writeFile(path, script);
  await chmod(path, 0o755);
}

async function findTool(name: string): Promise<string> {
  const found = await machineTools().find(name);
  if (found === undefined) throw new Error(`the program ${name} is not installed`);
  return found;
}
