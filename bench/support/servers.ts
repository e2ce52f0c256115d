import { availableParallelism } from 'node:os';
import { type ReleaseStack, withReleases } from '../../src/shared/lifecycle.ts';
import { startCeph, type TestCeph } from '../../test/support/ceph.ts';
import { query, startPostgres } from '../../test/support/postgres.ts';
import { startRedis } from '../../test/support/redis.ts';
import type { Bench, Bucket, Dataset } from './bench.ts';
import { createDataset } from './dataset.ts';
import { findStockTools } from './stock-tools.ts';

/** Starts a PostgreSQL and a Redis of the bench's own; all servers are ended, and their data removed, whatever happens. */
export function withBench<T>(
  { size, signal, say }: Pick<Bench, 'size' | 'signal' | 'say'>,
  use: (bench: Bench) => Promise<T>,
): Promise<T> {
  return withReleases(async (releases) => {
    const redis = await startRedis({ appendonly: true });
    releases.push(redis.stop);
    const postgres = await startPostgres();
    releases.push(postgres.stop);
    // Installations of the tests, which the cases use, find their PostgreSQL so.
    process.env.BACKUPDATA_TEST_PG = postgres.adminUrl;
    const tools = await findStockTools(await serverMajor(postgres.adminUrl), signal);
    const datasets: Dataset[] = [];
    const dataset = (name: string, dumpBytes: number) =>
      once(async () => {
        say(`making the ${name} database`);
        const made = await createDataset({ postgres, tools, name, dumpBytes, signal });
        datasets.push(made);
        return made;
      });
    const data = { large: dataset('large', size.largeDump), small: dataset('small', size.smallDump) };
    const ceph = once(() => openCeph(releases, say));
    return use({
      size,
      cores: availableParallelism(),
      postgres,
      redisUrl: redis.url,
      tools,
      signal,
      data,
      s3: async () => newBucket(await ceph()),
      datasets,
      say,
    });
  });
}

async function serverMajor(url: string): Promise<number> {
  const [row] = await query<{ major: number }>(
    url,
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  return row?.major ?? 0;
}

async function openCeph(releases: ReleaseStack, say: Bench['say']): Promise<TestCeph> {
  say('starting Ceph');
  const ceph = await startCeph();
  releases.push(ceph.stop);
  return ceph;
}

async function newBucket({ createBucket, ...account }: TestCeph): Promise<Bucket> {
  const bucket = await createBucket();
  const { endpoint, accessKeyId, secretAccessKey } = account;
  const keys = { accessKeyId, secretAccessKey };
  return {
    endpoint,
    storage: { type: 's3', bucket, endpoint, forcePathStyle: true, ...keys },
    variables: {
      ENDPOINT: endpoint,
      BUCKET: bucket,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
