import { join } from 'node:path';
import { withFolder } from '../../test/support/folder.ts';
import { query } from '../../test/support/postgres.ts';
import type { Bench } from '../support/bench.ts';
import { type Session, withSession } from '../support/session.ts';
import { type StampedTools, stampTools } from '../support/spawn-stamps.ts';
import { milliseconds } from '../support/units.ts';
import { type Row, type Samples, valueRow } from '../table.ts';

const limit = 50;
/** The first job of a worker asks each tool for its version, and Node compiles on the way. */
const warmUps = 2;

/** Where the time between enqueue and spawn went, in milliseconds. */
interface Latency {
  /** From the call that enqueues to the worker's taking the job. */
  queue: number;
  /** From there to the connection to the database. */
  prepare: number;
  inspect: number;
  /** From its end to the start of the dump tool. */
  spawn: number;
}

/** From the call that enqueues a backup to the start of pg_dump, which a stamp in front of it tells. */
export async function latencyCase(bench: Bench): Promise<Row[]> {
  const url = bench.postgres.url(await bench.postgres.createDatabase());
  await query(url, 'CREATE TABLE few AS SELECT id, md5(id::text) AS text FROM generate_series(1, 100) AS id');
  const rows: Row[] = [];
  await withFolder(async (folder) => {
    const stamped = await stampTools({ directory: join(folder, 'tools'), tools: bench.tools, runs: 40 });
    const options = { bench, databases: { few: url }, toolPath: [stamped.directory] };
    await withSession(options, async (session) => {
      rows.push(...describe(await measureAll(bench, session, stamped), stamped.cost));
    });
  });
  return rows;
}

async function measureAll(bench: Bench, session: Session, stamped: StampedTools): Promise<Latency[]> {
  await session.startWorker();
  const latencies: Latency[] = [];
  for (let run = 1; run <= warmUps + bench.size.runs.latency; run += 1) {
    bench.signal.throwIfAborted();
    const latency = await measure(session, stamped, run);
    if (run > warmUps) latencies.push(latency);
  }
  bench.say(`latency: ${latencies.length} backups of a small database`);
  return latencies;
}

async function measure(session: Session, stamped: StampedTools, run: number): Promise<Latency> {
  await session.settle();
  await session.holdMaintenance();
  const enqueuedAt = Date.now();
  const { jobId, activeAt } = await session.ended(await session.enqueue('few'));
  const { startedAt, snapshotAt } = await session.manifest(jobId);
  const starts = await stamped.starts();
  const spawnedAt = starts.at(-1);
  if (spawnedAt === undefined || starts.length !== run)
    throw new Error(`${starts.length} dumps were started by ${run} runs`);
  return {
    queue: activeAt - enqueuedAt,
    prepare: Date.parse(startedAt) - activeAt,
    inspect: Date.parse(snapshotAt) - Date.parse(startedAt),
    spawn: spawnedAt - Date.parse(snapshotAt),
  };
}

function describe(latencies: readonly Latency[], cost: number): Row[] {
  const samples = (of: (latency: Latency) => number): Samples => ({
    values: latencies.map(of),
    format: milliseconds,
  });
  return [
    valueRow({
      what: 'latency: enqueue to the spawn of pg_dump, without inspect',
      ours: samples(({ queue, prepare, spawn }) => queue + prepare + spawn),
      target: { text: `< ${limit} ms`, holds: (value) => value < limit },
    }),
    valueRow({ what: 'latency: inspect', ours: samples(({ inspect }) => inspect) }),
    valueRow({ what: 'latency: of that, enqueue to active', ours: samples(({ queue }) => queue) }),
    valueRow({ what: 'latency: active to inspect', ours: samples(({ prepare }) => prepare) }),
    valueRow({ what: 'latency: inspect to spawn', ours: samples(({ spawn }) => spawn) }),
    valueRow({
      what: "latency: the stamp's own cost, subtracted",
      ours: { values: [cost], format: milliseconds },
    }),
  ];
}
