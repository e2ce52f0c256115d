import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { parseConnection } from '../../../src/pipeline/engine/postgres/connection.ts';
import { holdSnapshot } from '../../../src/pipeline/engine/postgres/snapshot.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { assertComplaint } from '../../support/complaint.ts';
import { backUpShop, createDriller } from '../../support/drill.ts';
import { runInProcess } from '../../support/in-process.ts';
import { type Installation, withInstallation } from '../../support/installation.ts';
import { createGate, makeTools } from '../../support/misbehaving-tools.ts';
import { connect, query, sharedPostgres } from '../../support/postgres.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { until } from '../../support/until.ts';

it('rows are counted on the snapshot that is dumped, whoever writes meanwhile', () =>
  withInstallation(async (installation) => {
    const { postgres, path, configure, start, run } = installation;
    const source = await postgres.createDatabase();
    const url = postgres.url(source);
    await query(
      url,
      `CREATE TABLE item AS SELECT generate_series(1, 100) AS id;
       CREATE SCHEMA "Odd.Schema"; CREATE TABLE "Odd.Schema".item AS SELECT 1 AS id;
       CREATE TABLE parent (id integer) PARTITION BY RANGE (id);
       CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10); INSERT INTO parent VALUES (1), (2);
       CREATE TABLE base (id integer); CREATE TABLE heir () INHERITS (base);
       INSERT INTO base VALUES (1); INSERT INTO heir VALUES (1), (2), (3);
       CREATE VIEW shown AS SELECT * FROM item; CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS id`,
    );
    const driller = await createDriller(postgres);
    const gate = createGate(path, 'dump');
    const folder = await makeTools(join(path, 'tools'), { pg_dump: `${gate.lines}; exec "$REAL" "$@"` });
    const verify = { counts: 'exact', target: 'lab' };
    await configure({
      databases: {
        shop: { engine: 'postgres', url, verify },
        lab: { engine: 'postgres', url: driller.url },
      },
      tools: { path: [folder] },
    });
    await start(['worker']);
    const writer = startWriter(url);
    const backup = run('backup', 'shop');
    await gate.reached();
    const written = writer.rows();
    await until('rows came after the snapshot', () => writer.rows() > written + 20);
    await gate.open();
    const made = await backup;
    assert.equal(made.code, 0, made.stderr);
    await writer.stop();

    const counts = await storedCounts(installation);
    const item = counts['public.item'] ?? 0;
    assert.ok(item >= 100 && item < 100 + writer.rows(), `${item} of ${100 + writer.rows()}`);
    assert.deepEqual(Object.entries(counts), [
      ['"Odd.Schema".item', 1],
      ['public.base', 1],
      ['public.child', 2],
      ['public.heir', 3],
      ['public.item', item],
      ['public.unlogged', 1],
    ]);
    await makeTools(folder);
    const proven = await runInProcess(installation, 'verify', 'shop', '--level', 'restore', '--here');
    assert.equal(proven.code, 0, proven.stderr);
    const [left] = await query<{ open: string }>(
      postgres.adminUrl,
      `SELECT count(*) AS open FROM pg_stat_activity WHERE datname = '${source}' AND application_name = 'backupdata'`,
    );
    assert.equal(left?.open, '0', 'the session that held the snapshot is closed');
  }));

it('a dump of another moment than the counts is found out', () =>
  withInstallation(async (installation) => {
    const { postgres, path, configure, start, run } = installation;
    const source = await postgres.createDatabase();
    const url = postgres.url(source);
    await query(url, 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');
    const driller = await createDriller(postgres);
    const gate = createGate(path, 'dump');
    const folder = await makeTools(join(path, 'tools'), {
      pg_dump: `${gate.lines}; exec "$REAL" --format=custom --compress=0 --no-password`,
    });
    await configure({
      databases: {
        shop: { engine: 'postgres', url, verify: { counts: 'exact', target: 'lab' } },
        lab: { engine: 'postgres', url: driller.url },
      },
      tools: { path: [folder] },
    });
    await start(['worker']);
    const backup = run('backup', 'shop');
    await gate.reached();
    await query(url, 'INSERT INTO item VALUES (101)');
    await gate.open();
    const made = await backup;
    assert.equal(made.code, 0, made.stderr);
    await makeTools(folder);
    assertComplaint(await runInProcess(installation, 'verify', 'shop', '--level', 'restore', '--here'), {
      code: 'VERIFY_FAILED',
      message: /public\.item has 101 rows instead of 100$/,
    });
  }));

it('damaged counts stop a drill, and no restore', () =>
  withInstallation(async (installation) => {
    const { postgres, backups, configure, stored } = installation;
    const source = await postgres.createDatabase();
    await query(postgres.url(source), 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');
    const verify = { counts: 'exact', target: 'shop' };
    await configure({ databases: { shop: { engine: 'postgres', url: postgres.url(source), verify } } });
    await backUpShop(installation);
    const key = (await stored()).find((each) => each.endsWith('/counts.json.zst')) ?? '';
    await appendFile(join(backups, key), 'x');
    assertComplaint(await runInProcess(installation, 'verify', 'shop', '--level', 'restore', '--here'), {
      code: 'VERIFY_FAILED',
      message: /part counts\.json: .* is damaged/,
    });
    const copy = postgres.uniqueName();
    const restored = await runInProcess(
      installation,
      ...['restore', 'shop', '--to', `shop/${copy}`, '--create', '--here'],
    );
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal((await query(postgres.url(copy), 'SELECT FROM item')).length, 100);
  }));

it('counting ends with its signal, and closing ends the session', async () => {
  const server = await sharedPostgres();
  try {
    const database = await server.createDatabase();
    const url = server.url(database);
    await query(url, 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');
    const snapshot = await holdSnapshot(
      { connection: parseConnection(new Secret(url)), holdsRows: () => true, lockTimeout: null },
      engineContext(),
    );
    await assert.rejects(query(url, "SET lock_timeout = '10ms'; TRUNCATE item"), /lock timeout/);
    await assert.rejects(snapshot.count(AbortSignal.abort(new Error('another part failed'))));
    await snapshot.close();
    await snapshot.close();
    await query(url, 'TRUNCATE item');
  } finally {
    await server.stop();
  }
});

/** Commits one row after another until it is stopped. */
function startWriter(url: string) {
  let rows = 0;
  let going = true;
  const ended = (async () => {
    const connection = await connect(url);
    for (; going; rows += 1) await connection.query('INSERT INTO item VALUES (1)');
    await connection.end();
  })();
  return {
    rows: () => rows,
    stop: async () => {
      going = false;
      await ended;
    },
  };
}

async function storedCounts({ backups, stored }: Installation): Promise<Record<string, number>> {
  const key = (await stored()).find((each) => each.endsWith('/counts.json.zst')) ?? '';
  return JSON.parse(zstdDecompressSync(await readFile(join(backups, key))).toString());
}
