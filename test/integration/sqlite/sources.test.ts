import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { createSqliteEngine } from '../../../src/pipeline/engine/sqlite/engine.ts';
import { databaseOf, withEngineRun } from '../../support/engine-run.ts';
import { filesBelow, withFolder } from '../../support/folder.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { describeOnSmallDisk, withSmallDisk } from '../../support/small-disk.ts';
import { openElsewhere } from '../../support/sqlite-process.ts';
import { sqliteSource, withDatabase } from '../../support/sqlite-sample.ts';
import { until } from '../../support/until.ts';

describe('a file of SQLite that is not at rest', () => {
  it('is backed up with what a killed writer left in the log alone', () =>
    withEngineRun(async ({ path, backUp, restoreTo }) => {
      const [source, copy] = [join(path, '..', 'source.db'), join(path, '..', 'crashed.db')];
      const writer = new DatabaseSync(source);
      writer.exec('PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)');
      for (let row = 0; row < 500; row += 1) writer.exec(`INSERT INTO t VALUES (${row})`);
      await copyFile(source, copy);
      await copyFile(`${source}-wal`, `${copy}-wal`);
      writer.close();
      const manifest = await backUp(sqliteSource(copy));
      const target = join(path, '..', 'restored.db');
      await restoreTo(manifest, { source: null, database: target }, { create: true });
      assert.equal(countOf(target), 500);
    }));

  it('is refused for another try while a killed writer left half a transaction, or one holds it', () =>
    withEngineRun(async ({ path, backUp }) => {
      const [source, copy] = [join(path, '..', 'source.db'), join(path, '..', 'crashed.db')];
      const writer = openElsewhere(source);
      try {
        await writer.run(`CREATE TABLE t (a); PRAGMA cache_size = 5; BEGIN EXCLUSIVE;
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
          INSERT INTO t SELECT hex(zeroblob(250)) FROM n;`);
        await assert.rejects(backUp(sqliteSource(source)), {
          code: 'DATABASE_UNREACHABLE',
          retryable: true,
          message: /source\.db: .*held its lock/,
        });
        await copyFile(source, copy);
        await copyFile(`${source}-journal`, `${copy}-journal`);
      } finally {
        await writer.close();
      }
      await assert.rejects(backUp(sqliteSource(copy)), {
        code: 'DATABASE_UNREACHABLE',
        message: /crashed\.db: .*a writer died in its middle/,
      });
      // Whoever may write takes it back.
      assert.equal(countOf(copy), 0);
      await backUp(sqliteSource(copy));
    }));
});

it('a run that is aborted while the copy is made leaves nothing', () =>
  withFolder(async (folder) => {
    const source = join(folder, 'source.db');
    withDatabase(source, (database) =>
      database.exec(`CREATE TABLE t (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
        INSERT INTO t SELECT randomblob(1000000) FROM n`),
    );
    const [work, controller] = [join(folder, 'work'), new AbortController()];
    await mkdir(work);
    const engine = createSqliteEngine();
    const context = { ...engineContext(), signal: controller.signal };
    await withTemporaryRoot(work, async () => {
      const database = databaseOf(sqliteSource(source));
      const inspection = await engine.inspect(database, context);
      const plan = await engine.plan(database, inspection, context);
      const prepare = plan.parts[0]?.source;
      assert.ok(typeof prepare === 'function');
      const prepared = assert.rejects(prepare(controller.signal), { message: 'enough' });
      await until('a part of the copy is written', async () => {
        const copies = (await filesBelow(work)).map((name) => stat(join(work, name)));
        return (await Promise.all(copies)).some(({ size }) => size > 0);
      });
      controller.abort(new Error('enough'));
      await prepared;
      await plan.close();
    });
    assert.deepEqual(await readdir(work), []);
  }));

describeOnSmallDisk(import.meta.filename, () => {
  it('a copy that finds no room is refused, and leaves nothing', () =>
    withSmallDisk({ bytes: 1 << 20 }, (disk) =>
      withEngineRun(async ({ path, backUp }) => {
        const source = join(path, '..', 'source.db');
        withDatabase(source, (database) =>
          database.exec('CREATE TABLE t AS SELECT randomblob(2000000) AS a'),
        );
        await withTemporaryRoot(disk, () =>
          assert.rejects(backUp(sqliteSource(source)), { code: 'DISK_FULL', message: /are needed/ }),
        );
        assert.deepEqual(await readdir(disk), []);
        assert.deepEqual(await filesBelow(path), ['backupdata.json']);
      }),
    ));

  it('a restore that finds no room leaves the old file', () =>
    withSmallDisk({ bytes: 1 << 20 }, (disk) =>
      withEngineRun(async ({ path, backUp, restoreTo }) => {
        const [source, target] = [join(path, '..', 'source.db'), join(disk, 'app.db')];
        withDatabase(source, (database) =>
          database.exec('CREATE TABLE t AS SELECT randomblob(2000000) AS a'),
        );
        withDatabase(target, (database) => database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)'));
        const manifest = await backUp(sqliteSource(source));
        await assert.rejects(
          restoreTo(manifest, { source: null, database: target }, { confirm: 'app.db', keepOld: true }),
          { code: 'DISK_FULL' },
        );
        assert.deepEqual(await readdir(disk), ['app.db']);
        assert.equal(countOf(target), 1);
      }),
    ));
});

function countOf(path: string): number {
  return withDatabase(path, (database) =>
    Number(database.prepare('SELECT count(*) AS rows FROM t').get()?.rows),
  );
}

async function withTemporaryRoot(root: string, use: () => Promise<void>): Promise<void> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = root;
  try {
    await use();
  } finally {
    process.env.TMPDIR = before;
  }
}
