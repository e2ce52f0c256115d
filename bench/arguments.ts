import { parseArgs } from 'node:util';
import { apiCase } from './cases/api.ts';
import { encryptionCase } from './cases/encryption.ts';
import { mariadbCase, redisCase, sqliteCase } from './cases/engines.ts';
import { fleetCase } from './cases/fleet.ts';
import { jobCase } from './cases/job.ts';
import { latencyCase } from './cases/latency.ts';
import { listCase } from './cases/list.ts';
import { memoryCase } from './cases/memory.ts';
import { restoreCase } from './cases/restore.ts';
import { s3Case } from './cases/s3.ts';
import { schedulesCase } from './cases/schedules.ts';
import { slowStoreCase } from './cases/slow-store.ts';
import type { Case } from './support/bench.ts';
import { type Size, sizes, withRuns } from './support/size.ts';

/** In the order in which they run. */
const cases: Readonly<Record<string, Case>> = {
  job: jobCase,
  memory: memoryCase,
  latency: latencyCase,
  fleet: fleetCase,
  list: listCase,
  schedules: schedulesCase,
  api: apiCase,
  encryption: encryptionCase,
  s3: s3Case,
  restore: restoreCase,
  'slow-store': slowStoreCase,
  sqlite: sqliteCase,
  redis: redisCase,
  mariadb: mariadbCase,
};

const usage = `node bench/main.ts [${Object.keys(cases).join('|')} ..] [--size small|full] [--runs N] [--write FILE]`;

export interface Arguments {
  cases: readonly Case[];
  size: Size;
  /** The file that takes the report. */
  write: string | undefined;
}

/** Throws an error that says what is wrong with them, and what they may be. */
export function readArguments(args: readonly string[]): Arguments {
  try {
    return parse(args);
  } catch (cause) {
    throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\nUsage: ${usage}`, { cause });
  }
}

function parse(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      size: { type: 'string', default: 'full' },
      runs: { type: 'string' },
      write: { type: 'string' },
    },
  });
  const names = positionals.length > 0 ? [...new Set(positionals)] : Object.keys(cases);
  return {
    cases: names.map((name) => find(cases, name, 'case')),
    size: withRuns(find<Size>(sizes, values.size, 'size'), readRuns(values.runs)),
    write: values.write,
  };
}

function find<T>(known: Readonly<Record<string, T>>, name: string, kind: string): T {
  const found = Object.hasOwn(known, name) ? known[name] : undefined;
  if (found === undefined)
    throw new Error(`"${name}" is no ${kind}; there are ${Object.keys(known).join(', ')}`);
  return found;
}

function readRuns(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`"${text}" is no number of runs`);
  return runs;
}
