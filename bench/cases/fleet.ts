import { join } from 'node:path';
import { query } from '../../test/support/postgres.ts';
import { alternate } from '../support/alternate.ts';
import { forEachAtOnce } from '../support/at-once.ts';
import type { Bench } from '../support/bench.ts';
import { type Session, withSession } from '../support/session.ts';
import { runShell } from '../support/stock-tools.ts';
import { milliseconds } from '../support/units.ts';
import { type Row, ratioRow } from '../table.ts';

/** What a backup of ours stores, by the bare tools, both parts at once as ours are. */
const bare = `pg_dump -Fc -Z0 | zstd -1 | cat > "$FILE.data" & \
pg_dumpall --globals-only --no-role-passwords -l "$PGDATABASE" | zstd -1 > "$FILE.globals"; wait`;
const synced = `${bare}; sync "$FILE.data" "$FILE.globals"`;

const limit = 1.5;

/** Many databases of a few kB each: what a backup costs besides its bytes. */
export async function fleetCase(bench: Bench): Promise<Row[]> {
  const databases = await createFleet(bench);
  const rows: Row[] = [];
  await withSession({ bench, databases }, async (session) => {
    await session.startWorker(bench.cores);
    // The first connection to a new database writes files that later ones read; nobody's time is to hold that.
    await timeBare({ bench, session, databases, script: bare });
    const runs = bench.size.runs.fleet;
    const times = await alternate(
      {
        bare: { runs, run: () => timeBare({ bench, session, databases, script: bare }) },
        ours: { runs, run: () => timeOurs(session, databases, { verified: false }) },
        verified: { runs, run: () => timeOurs(session, databases, { verified: true }) },
        synced: { runs, run: () => timeBare({ bench, session, databases, script: synced }) },
      },
      {
        signal: bench.signal,
        onRun: (name, time) => bench.say(`fleet: ${name} ${milliseconds(time)} per backup`),
      },
    );
    rows.push(...describe(bench, times));
  });
  return rows;
}

type Fleet = Readonly<Record<string, string>>;

async function createFleet({ postgres, size, say, signal }: Bench): Promise<Fleet> {
  say(`making ${size.fleet} small databases`);
  const template = await postgres.createDatabase();
  await query(
    postgres.url(template),
    'CREATE TABLE few AS SELECT id, md5(id::text) AS text FROM generate_series(1, 100) AS id',
  );
  const names = Array.from(
    { length: size.fleet },
    (_, index) => `fleet-${String(index + 1).padStart(3, '0')}`,
  );
  const urls = await forEachAtOnce(2, names, async (name) => {
    signal.throwIfAborted();
    const database = postgres.uniqueName();
    await query(postgres.adminUrl, `CREATE DATABASE ${database} TEMPLATE ${template}`);
    return [name, postgres.url(database)] as const;
  });
  await query(postgres.adminUrl, 'CHECKPOINT');
  return Object.fromEntries(urls);
}

/** Milliseconds per backup. All are in the queue before the first begins, and none is asked for while they run. */
async function timeOurs(
  session: Session,
  databases: Fleet,
  { verified }: { verified: boolean },
): Promise<number> {
  await session.settle();
  if (!verified) await session.holdMaintenance();
  await session.holdBackups();
  const jobIds = await Promise.all(Object.keys(databases).map((name) => session.enqueue(name)));
  await session.releaseBackups();
  const ended = await session.allEnded(jobIds);
  const wall =
    Math.max(...ended.map(({ endedAt }) => endedAt)) - Math.min(...ended.map(({ activeAt }) => activeAt));
  return wall / jobIds.length;
}

/** Milliseconds per backup, by one shell for each database and as many at once as there are cores. */
async function timeBare(options: {
  bench: Bench;
  session: Session;
  databases: Fleet;
  script: string;
}): Promise<number> {
  const { bench, session, databases, script } = options;
  await session.settle();
  const entries = Object.entries(databases);
  const start = performance.now();
  await forEachAtOnce(bench.cores, entries, ([name, url]) =>
    runShell({ tools: bench.tools, script, url, file: join(session.outputs, name), signal: bench.signal }),
  );
  return (performance.now() - start) / entries.length;
}

function describe(
  { size, cores }: Bench,
  times: Record<'bare' | 'ours' | 'verified' | 'synced', number[]>,
): Row[] {
  const samples = (values: readonly number[]) => ({ values, format: milliseconds });
  const what = `fleet: wall time per backup, ${size.fleet} databases, ${cores} at once`;
  const [ours, verified] = [samples(times.ours), samples(times.verified)];
  return [
    ratioRow({ what, ours, stock: samples(times.bare), atMost: limit }),
    ratioRow({ what: `${what}, verified meanwhile`, ours: verified, stock: samples(times.bare) }),
    ratioRow({ what: `${what}, against the bare tools and \`sync\``, ours, stock: samples(times.synced) }),
  ];
}
