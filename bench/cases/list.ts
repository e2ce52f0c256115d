import { join } from 'node:path';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import type { Config } from '../../src/shared/config/schema.ts';
import { manifestCacheKey } from '../../src/shared/queues/names.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { Secret } from '../../src/shared/secret.ts';
import { storeMark } from '../../test/support/catalog-objects.ts';
import { type Installation, withInstallation } from '../../test/support/installation.ts';
import { storeBackup } from '../../test/support/stored-backup.ts';
import { alternate } from '../support/alternate.ts';
import type { Bench } from '../support/bench.ts';
import { built, openMain } from '../support/session.ts';
import { seconds } from '../support/units.ts';
import { type Row, valueRow } from '../table.ts';

const limits = { cold: 3_000, warm: 1_000 };
const storedAtOnce = 16;

/** The command `list`, as people wait for it: with no manifest in the cache, and with all that the storage has versions of. */
export async function listCase(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  await withInstallation(
    async (installation) => {
      const storages = { main: (await bench.s3()).storage };
      const shop = { engine: 'postgres', url: bench.postgres.adminUrl };
      await installation.configure({ databases: { shop }, storages, queue: {} });
      await store(bench, await openMain(await readConfig(installation)));
      const times = await alternate(
        {
          cold: { runs: bench.size.runs.list, run: () => timeCold(bench, installation) },
          warm: { runs: bench.size.runs.list, run: () => timeWarm(bench, installation) },
        },
        { signal: bench.signal, onRun: (name, time) => bench.say(`list: ${name} ${seconds(time)}`) },
      );
      rows.push(...describe(bench, times));
    },
    { redisUrl: bench.redisUrl, main: built },
  );
  return rows;
}

function readConfig({ path, env }: Installation): Promise<Config> {
  return loadConfig({ file: join(path, 'backupdata.yaml'), env });
}

/** An hour apart, each of three parts and with a verification: a listing passes over their objects, too. */
async function store({ size, signal, say }: Bench, storage: Storage): Promise<void> {
  say(`list: storing ${size.listed} backups`);
  const contents = Object.fromEntries(
    ['data.dump', 'globals.sql', 'RESTORE.md'].map((name) => [name, Buffer.from(name)]),
  );
  for (let start = 0; start < size.listed; start += storedAtOnce) {
    signal.throwIfAborted();
    const count = Math.min(storedAtOnce, size.listed - start);
    const ids = Array.from({ length: count }, (_, index) => backupId(start + index));
    await Promise.all(
      ids.map(async (id) => {
        await storeBackup(storage, { contents, backupId: id });
        await storeMark(storage, id, { at: new Date(0), level: 'decode', outcome: 'ok', seconds: 1 });
      }),
    );
  }
}

function backupId(hours: number): string {
  const at = new Date(Date.UTC(2026, 0, 1) + hours * 3_600_000).toISOString();
  return `shop-${at.replaceAll(/[-:]|\.\d+/g, '')}-abc234`;
}

async function timeCold(bench: Bench, installation: Installation): Promise<number> {
  await forget(bench, installation);
  return timeList(bench, installation);
}

/** One that is not measured fills the cache. */
async function timeWarm(bench: Bench, installation: Installation): Promise<number> {
  await timeList(bench, installation);
  return timeList(bench, installation);
}

async function timeList({ size }: Bench, { run }: Installation): Promise<number> {
  const started = performance.now();
  const ended = await run('list', '--json');
  const took = performance.now() - started;
  const listed = ended.code === 0 ? ended.json<{ backups: unknown[] }>().backups.length : 0;
  if (listed !== size.listed) throw new Error(`${listed} of ${size.listed} were listed: ${ended.stderr}`);
  return took;
}

async function forget({ redisUrl }: Bench, { env }: Installation): Promise<void> {
  const redis = connectRedis({ url: new Secret(redisUrl), role: 'worker', onError: () => undefined });
  try {
    const keys = await redis.keys(manifestCacheKey(env.BACKUPDATA_INSTALLATION ?? '', '*'));
    if (keys.length > 0) await redis.unlink(keys);
  } finally {
    redis.disconnect();
  }
}

function describe({ size }: Bench, times: Record<keyof typeof limits, number[]>): Row[] {
  return (['cold', 'warm'] as const).map((name) =>
    valueRow({
      what: `list: ${size.listed} backups in S3, ${name}`,
      ours: { values: times[name], format: seconds },
      target: { text: `< ${seconds(limits[name])}`, holds: (value) => value < limits[name] },
    }),
  );
}
