import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { databaseFolder } from '../../src/pipeline/catalog/keys.ts';
import { query } from '../../test/support/postgres.ts';
import { alternate } from '../support/alternate.ts';
import type { Bench } from '../support/bench.ts';
import { type Session, withSession } from '../support/session.ts';
import { runShell } from '../support/stock-tools.ts';
import { seconds } from '../support/units.ts';
import { type Row, ratioRow, type Samples } from '../table.ts';

const limit = 1.15;
const script = 'createdb "$INTO" && zstd -d -q -c "$FILE" | pg_restore --exit-on-error --dbname="$INTO"';

/** A restore from S3 into a new database, everything read twice, against pg_restore of a local copy of the archive. */
export async function restoreCase(bench: Bench): Promise<Row[]> {
  const { name, url } = await bench.data.large();
  const { storage } = await bench.s3();
  const times: Record<'stock' | 'ours', readonly number[]> = { stock: [], ours: [] };
  await withSession({ bench, databases: { [name]: url }, storage }, async (session) => {
    await session.startWorker();
    await session.holdMaintenance();
    const { jobId: backupId } = await session.ended(await session.enqueue(name));
    const file = await downloadArchive(bench, session, backupId);
    const runs = bench.size.runs.restore;
    const contenders = {
      stock: {
        runs,
        run: () => withoutDatabase(bench, (into) => timeStock(bench, { url, file, into })),
      },
      ours: {
        runs,
        run: () =>
          withoutDatabase(bench, async (into) => {
            const { activeAt, endedAt } = await session.restore({ backupId, database: name, into });
            return endedAt - activeAt;
          }),
      },
    };
    const onRun = (which: string, time: number) => bench.say(`restore: ${which} ${seconds(time)}`);
    Object.assign(times, await alternate(contenders, { signal: bench.signal, onRun }));
  });
  const samples = (values: readonly number[]): Samples => ({ values, format: seconds });
  return [
    ratioRow({
      what: 'restore: from S3, active to finished, against `zstd -d | pg_restore` of a local copy of the same archive',
      ours: samples(times.ours),
      stock: samples(times.stock),
      atMost: limit,
    }),
  ];
}

async function downloadArchive(bench: Bench, session: Session, backupId: string): Promise<string> {
  const { database, parts } = await session.manifest(backupId);
  const file = join(session.outputs, 'archive.dump.zst');
  const volumes = parts.filter(({ kind }) => kind === 'data').flatMap((part) => part.volumes);
  for (const { key } of volumes) {
    const body = await session.storage.get(databaseFolder(database) + key, { signal: bench.signal });
    await pipeline(body, createWriteStream(file, { flags: 'a' }));
  }
  return file;
}

async function timeStock(
  { tools, signal }: Bench,
  { url, file, into }: { url: string; file: string; into: string },
): Promise<number> {
  const { milliseconds } = await runShell({ tools, script, url, file, variables: { INTO: into }, signal });
  return milliseconds;
}

/** Lets one run make a database, and drops it; what it wrote is no later run's burden. */
async function withoutDatabase({ postgres }: Bench, run: (into: string) => Promise<number>): Promise<number> {
  const into = postgres.uniqueName();
  await query(postgres.adminUrl, 'CHECKPOINT');
  try {
    return await run(into);
  } finally {
    await query(postgres.adminUrl, `DROP DATABASE IF EXISTS ${into} WITH (FORCE)`);
  }
}
