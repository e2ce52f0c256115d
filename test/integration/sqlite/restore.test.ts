import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import type { RestoreOptions } from '../../../src/pipeline/engine/engine.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { openElsewhere } from '../../support/sqlite-process.ts';
import { contentOf, createSample, sqliteSource, withDatabase } from '../../support/sqlite-sample.ts';

describe('a restore of a file of SQLite', () => {
  it('replaces a database, keeps its mode, and keeps the old one whole on request', () =>
    withBackup(async ({ folder, source, manifest, restore }) => {
      const path = join(folder, 'app.db');
      createOld(path);
      await chmod(path, 0o640);
      await restore(path, { confirm: 'app.db', keepOld: true });
      const kept = join(folder, `app.db.before-${manifest.backupId}`);
      assert.deepEqual(contentOf(path), contentOf(source));
      assert.deepEqual(oldRows(kept), [{ a: 'old' }]);
      assert.equal((await stat(path)).mode & 0o777, 0o640);
    }));

  it('moves the log of a writer that was killed into the kept file, and never into the new one', () =>
    withBackup(async ({ folder, source, manifest, restore }) => {
      const path = join(folder, 'app.db');
      createOld(path);
      await leaveHotLog(path);
      assert.ok((await stat(`${path}-wal`)).size > 0);
      await restore(path, { confirm: 'app.db', keepOld: true });
      assert.deepEqual(await readdir(folder), ['app.db', `app.db.before-${manifest.backupId}`]);
      assert.deepEqual(contentOf(path), contentOf(source));
      assert.deepEqual(oldRows(join(folder, `app.db.before-${manifest.backupId}`)), [
        { a: 'old' },
        { a: 'in the log' },
      ]);
    }));

  it('refuses a database that another has open in WAL mode, or writes to', () =>
    withBackup(async ({ folder, restore }) => {
      for (const mode of ['wal', 'delete']) {
        const path = join(folder, `${mode}.db`);
        createOld(path);
        const other = openElsewhere(path);
        try {
          await other.run(`PRAGMA journal_mode = ${mode}; BEGIN IMMEDIATE; INSERT INTO t VALUES ('held');`);
          await assert.rejects(restore(path, { confirm: `${mode}.db` }), {
            code: 'DATABASE_UNREACHABLE',
            message: /in use and is not replaced/,
          });
          await other.run('COMMIT;');
          if (mode === 'wal')
            await assert.rejects(restore(path, { confirm: 'wal.db' }), {
              code: 'DATABASE_UNREACHABLE',
              message: /another process has it open/,
            });
        } finally {
          await other.close();
        }
        assert.deepEqual(oldRows(path), [{ a: 'old' }, { a: 'held' }]);
        await restore(path, { confirm: `${mode}.db` });
      }
    }));

  it('replaces what is damaged, and takes its log away with it', () =>
    withBackup(async ({ folder, source, restore }) => {
      const path = join(folder, 'app.db');
      createOld(path);
      await leaveHotLog(path);
      await writeFile(path, Buffer.alloc(10_000, 1));
      await restore(path, { confirm: 'app.db' });
      assert.deepEqual(contentOf(path), contentOf(source));
      assert.deepEqual(await readdir(folder), ['app.db']);
    }));

  it('refuses what is there and was not named, and a folder that is not', () =>
    withBackup(async ({ folder, restore }) => {
      const path = join(folder, 'app.db');
      createOld(path);
      const before = await readFile(path);
      for (const [target, options, code] of [
        [path, {}, 'TARGET_NOT_EMPTY'],
        [path, { confirm: 'other.db' }, 'TARGET_NOT_EMPTY'],
        [path, { create: true }, 'TARGET_EXISTS'],
        [join(folder, 'not', 'app.db'), { create: true }, 'USAGE'],
        [path, { tables: ['nothing'] }, 'TABLE_NOT_FOUND'],
        [path, { tables: ['note'] }, 'USAGE'],
        ['app.db', { create: true }, 'USAGE'],
      ] as const)
        await assert.rejects(restore(target, options), { code }, `${target} ${JSON.stringify(options)}`);
      assert.deepEqual(await readFile(path), before);
      assert.deepEqual(await readdir(folder), ['app.db']);
    }));
});

describe('a restore of tables of SQLite', () => {
  it('replaces them with their indexes, triggers and counters, beside what else is there', () =>
    withBackup(async ({ folder, source, restore }) => {
      const path = join(folder, 'app.db');
      createOld(path);
      const other = new DatabaseSync(path);
      try {
        await restore(path, { tables: ['customer', 'orders', 'audit', 'setting', 'odd "name" ; --'] });
      } finally {
        other.close();
      }
      assert.deepEqual(oldRows(path), [{ a: 'old' }]);
      assert.deepEqual(objectsOf(path, 'orders'), objectsOf(source, 'orders'));
      assert.deepEqual(objectsOf(path, 'customer'), objectsOf(source, 'customer'));
      withDatabase(path, (database) => {
        database.exec("DELETE FROM orders WHERE cents > 100; INSERT INTO customer (name) VALUES ('next')");
        assert.equal(database.prepare("SELECT id FROM customer WHERE name = 'next'").get()?.id, 4);
      });
      await assert.rejects(restore(path, { tables: ['orders'] }), {
        code: 'TARGET_NOT_EMPTY',
        message: /has orders already/,
      });
      await restore(path, { tables: ['orders'], confirm: 'app.db' });
      assert.deepEqual(countOf(path), countOf(source));
    }));

  it('makes a new file of them', () =>
    withBackup(async ({ folder, source, restore }) => {
      const path = join(folder, 'new.db');
      await restore(path, { tables: ['orders'], create: true });
      assert.deepEqual(countOf(path), countOf(source));
      assert.deepEqual(await readdir(folder), ['new.db']);
    }));
});

interface Backup {
  folder: string;
  source: string;
  manifest: Manifest;
  restore(path: string, options?: Partial<RestoreOptions>): Promise<readonly string[]>;
}

function withBackup(use: (backup: Backup) => Promise<void>): Promise<void> {
  return withEngineRun(async (run) => {
    const folder = join(run.path, '..', 'targets');
    await mkdir(folder);
    const source = join(run.path, '..', 'source.db');
    createSample(source);
    const manifest = await run.backUp(sqliteSource(source));
    const restore: Backup['restore'] = (database, options) =>
      run.restoreTo(manifest, { source: null, database }, options);
    await use({ folder, source, manifest, restore });
  });
}

function createOld(path: string): void {
  withDatabase(path, (database) => database.exec("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('old')"));
}

/** As a crash leaves it: committed rows that are in the log alone. */
async function leaveHotLog(path: string): Promise<void> {
  const writer = new DatabaseSync(path);
  try {
    writer.exec("PRAGMA journal_mode = wal; INSERT INTO t VALUES ('in the log')");
    const [database, log] = [await readFile(path), await readFile(`${path}-wal`)];
    writer.close();
    await writeFile(path, database);
    await writeFile(`${path}-wal`, log);
  } finally {
    if (writer.isOpen) writer.close();
  }
}

function oldRows(path: string): unknown[] {
  return withDatabase(path, (database) =>
    database
      .prepare('SELECT a FROM t')
      .all()
      .map((row) => ({ ...row })),
  );
}

function objectsOf(path: string, table: string): unknown[] {
  return withDatabase(path, (database) =>
    database
      .prepare('SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ? ORDER BY type, name')
      .all(table)
      .map((row) => ({ ...row })),
  );
}

function countOf(path: string): unknown {
  return withDatabase(path, (database) => ({
    ...database.prepare('SELECT count(*) AS rows, sum(cents) AS cents, sum(net) AS net FROM orders').get(),
  }));
}
