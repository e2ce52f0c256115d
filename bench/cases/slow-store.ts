import { query } from '../../test/support/postgres.ts';
import { openS3FaultProxy } from '../../test/support/s3-fault-proxy.ts';
import type { Bench, Bucket } from '../support/bench.ts';
import { peakMemory } from '../support/process-usage.ts';
import { timeJob, withSession } from '../support/session.ts';
import { mebibytes, seconds } from '../support/units.ts';
import { type Row, valueRow } from '../table.ts';

const mebibyte = 1_048_576;
const bytesPerSecond = 8 * mebibyte;
const memoryLimit = 256 * mebibyte;

/** What a worker holds in memory while its store takes the bytes more slowly than the database gives them. */
export async function slowStoreCase(bench: Bench): Promise<Row[]> {
  const bucket = await bench.s3();
  const proxy = await openS3FaultProxy(bucket.endpoint);
  proxy.limit(bytesPerSecond);
  try {
    return await measure(bench, { ...bucket.storage, endpoint: proxy.endpoint });
  } finally {
    await proxy.close();
  }
}

async function measure(bench: Bench, storage: Bucket['storage']): Promise<Row[]> {
  const url = await createNoise(bench);
  const found = { time: Number.NaN, peak: Number.NaN };
  await withSession({ bench, databases: { noise: url }, storage }, async (session) => {
    const { pid } = await session.startWorker();
    found.time = await timeJob(session, 'noise');
    found.peak = await peakMemory(pid);
  });
  bench.say(`slow-store: ${seconds(found.time)}, ${mebibytes(found.peak)}`);
  const what = `slow-store: ${mebibytes(bench.size.noise)} of noise to a store that takes ${mebibytes(bytesPerSecond)} a second`;
  const below = { text: `< ${mebibytes(memoryLimit)}`, holds: (bytes: number) => bytes < memoryLimit };
  return [
    valueRow({
      what: `${what}, peak RSS of the worker's Node process`,
      ours: { values: [found.peak], format: mebibytes },
      target: below,
    }),
    valueRow({ what: `${what}, time`, ours: { values: [found.time], format: seconds } }),
  ];
}

/** A database that no codec makes smaller than so many bytes: a dump writes each byte as two digits, and zstd undoes that. */
async function createNoise({ postgres, size, say }: Bench): Promise<string> {
  say('slow-store: making the database');
  const url = postgres.url(await postgres.createDatabase());
  await query(url, 'CREATE EXTENSION pgcrypto');
  const rows = size.noise / 1024;
  await query(
    url,
    `CREATE UNLOGGED TABLE noise AS SELECT gen_random_bytes(1024) AS bytes FROM generate_series(1, ${rows})`,
  );
  return url;
}
