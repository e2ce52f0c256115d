import { resolve } from 'node:path';
import { alternate } from '../support/alternate.ts';
import type { Bench } from '../support/bench.ts';
import { peakMemory } from '../support/process-usage.ts';
import { type Session, timeJob, withSession } from '../support/session.ts';
import { runShell } from '../support/stock-tools.ts';
import { mebibytes, seconds } from '../support/units.ts';
import { type Row, ratioRow, type Samples, valueRow } from '../table.ts';

const timeLimit = 1.15;
const memoryLimit = 256 * 1_048_576;

const uploader = resolve(import.meta.dirname, '../support/stock-upload.ts');
const script = `pg_dump -Fc -Z0 | zstd -1 -T0 | "${process.execPath}" "${uploader}"`;

/** A backup to an S3 store on this machine, against the stock tools and AWS's own uploader. */
export async function s3Case(bench: Bench): Promise<Row[]> {
  const { name, url } = await bench.data.large();
  const s3 = await bench.s3();
  const rows: Row[] = [];
  await withSession({ bench, databases: { [name]: url }, storage: s3.storage }, async (session) => {
    const { pid } = await session.startWorker();
    const runs = bench.size.runs.job;
    const times = await alternate(
      {
        stock: { runs, run: () => timeStock({ bench, session, url, variables: s3.variables }) },
        ours: { runs, run: () => timeJob(session, name) },
      },
      { signal: bench.signal, onRun: (which, time) => bench.say(`s3: ${which} ${seconds(time)}`) },
    );
    rows.push(...describe(times, await peakMemory(pid)));
  });
  return rows;
}

async function timeStock(options: {
  bench: Bench;
  session: Session;
  url: string;
  variables: Readonly<Record<string, string>>;
}): Promise<number> {
  const { bench, session, url, variables } = options;
  await session.settle();
  const run = { tools: bench.tools, script, url, signal: bench.signal };
  const { milliseconds } = await runShell({ ...run, variables: { ...variables, KEY: 'stock/dump.zst' } });
  return milliseconds;
}

function describe(times: Record<'stock' | 'ours', readonly number[]>, peak: number): Row[] {
  const samples = (values: readonly number[]): Samples => ({ values, format: seconds });
  return [
    ratioRow({
      what: "s3: active to committed, against `pg_dump -Fc -Z0 | zstd -1 -T0` and AWS's Upload (8 MiB parts, 4 at once)",
      ours: samples(times.ours),
      stock: samples(times.stock),
      atMost: timeLimit,
    }),
    {
      ...valueRow({
        what: "s3: peak RSS of the worker's Node process over all these runs",
        ours: { values: [peak], format: mebibytes },
        target: { text: `< ${mebibytes(memoryLimit)}`, holds: (bytes) => bytes < memoryLimit },
      }),
      runs: times.ours.length,
    },
  ];
}
