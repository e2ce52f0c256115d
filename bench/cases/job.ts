import { join } from 'node:path';
import { alternate, type Contender } from '../support/alternate.ts';
import type { Bench } from '../support/bench.ts';
import { type Session, timeJob, withSession } from '../support/session.ts';
import { runShell } from '../support/stock-tools.ts';
import { seconds } from '../support/units.ts';
import { fasterRow, type Row, ratioRow, type Samples } from '../table.ts';

/** What people run instead. `sync FILE` waits for the disk, as every backup does before it is committed. */
const scripts = {
  zstd: 'pg_dump -Fc -Z0 | zstd -1 -T0 > "$FILE"',
  synced: 'pg_dump -Fc -Z0 | zstd -1 -T0 > "$FILE"; sync "$FILE"',
  gzip: 'pg_dump | gzip > "$FILE"',
} as const;

/**
 * A whole backup job, from the moment when its worker takes it until it is finished, against a shell. Its verification
 * is held back until it is finished, and must have ended before anything else is measured.
 */
export async function jobCase(bench: Bench): Promise<Row[]> {
  const large = await bench.data.large();
  const rows: Row[] = [];
  await withSession({ bench, databases: { [large.name]: large.url } }, async (session) => {
    await session.startWorker();
    const { job, gzip } = bench.size.runs;
    const shell = (script: string, runs: number): Contender => ({
      runs,
      run: async () => timeShell({ bench, session, script, url: large.url }),
    });
    const times = await alternate(
      {
        zstd: shell(scripts.zstd, job),
        ours: { runs: job, run: () => timeJob(session, large.name) },
        synced: shell(scripts.synced, job),
        gzip: shell(scripts.gzip, gzip),
      },
      { signal: bench.signal, onRun: (name, time) => bench.say(`job: ${name} ${seconds(time)}`) },
    );
    rows.push(...describe(times));
  });
  return rows;
}

async function timeShell(options: {
  bench: Bench;
  session: Session;
  script: string;
  url: string;
}): Promise<number> {
  const { bench, session, script, url } = options;
  await session.settle();
  const file = join(session.outputs, 'dump');
  const { milliseconds } = await runShell({ tools: bench.tools, script, url, file, signal: bench.signal });
  return milliseconds;
}

function describe(times: Record<'ours' | keyof typeof scripts, readonly number[]>): Row[] {
  const samples = (values: readonly number[]): Samples => ({ values, format: seconds });
  const ours = samples(times.ours);
  const against = (name: keyof typeof scripts): string =>
    `job: active to committed, against \`${scripts[name]}\``;
  return [
    ratioRow({ what: against('zstd'), ours, stock: samples(times.zstd), atMost: 1.1 }),
    ratioRow({ what: against('synced'), ours, stock: samples(times.synced) }),
    fasterRow({ what: against('gzip'), ours, stock: samples(times.gzip), atLeast: 3 }),
  ];
}
