import { type Arguments, readArguments } from './arguments.ts';
import { renderReport, writeReport } from './report.ts';
import type { Bench } from './support/bench.ts';
import { describeEnvironment } from './support/environment.ts';
import { withBench } from './support/servers.ts';
import type { Row } from './table.ts';

/**
 * Measures BackUpData against the stock tools, side by side, and prints a table. A target that is missed is a finding
 * to explain, not a failure: the exit code is 0 whenever everything could be measured.
 */
async function main(args: readonly string[]): Promise<void> {
  const given = readArguments(args);
  if (process.platform !== 'linux') throw new Error('memory and CPU are read from /proc: run it on Linux');
  const started = performance.now();
  const say = (line: string): void => {
    const at = ((performance.now() - started) / 1000).toFixed(0);
    process.stderr.write(`${at.padStart(5)} s  ${line}\n`);
  };
  const signal = interruption();
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  const measure = async (bench: Bench): Promise<string> => {
    const rows = await runCases(bench, given);
    return renderReport({ rows, environment: await describeEnvironment(bench), command });
  };
  const report = await withBench({ size: given.size, signal, say }, measure).catch((error: unknown) => {
    // What was cut short complains in ways of its own.
    signal.throwIfAborted();
    throw error;
  });
  process.stdout.write(`${report}\n`);
  if (given.write !== undefined) await writeReport(given.write, report);
}

async function runCases(bench: Bench, { cases }: Arguments): Promise<Row[]> {
  const rows: Row[] = [];
  for (const measure of cases) rows.push(...(await measure(bench)));
  return rows;
}

function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort(new Error(`interrupted by ${signal}`)));
  }
  return controller.signal;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
