import assert from 'node:assert/strict';
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import { contentOf, createSqliteSample, onSqlite, sqliteSource } from '../../support/sqlite-sample.ts';

const odd = 'odd "name" \'ü\'';
const tables = ['customers', 'orders', odd, 'main.settings', 'files'];

describe('a restore of chosen tables of SQLite', () => {
  it('puts them in the place of the ones that are there, and leaves all else as it is', () =>
    withTables(async ({ path, restore }) => {
      // What ANALYZE wrote down of a table goes with that table.
      onSqlite(path, (database) => database.exec('DELETE FROM sqlite_stat1'));
      const expected = contentOf(path);
      onSqlite(path, (database) =>
        database.exec(`
          DROP TRIGGER logged; DROP TABLE settings; DROP INDEX vips; DELETE FROM orders; DELETE FROM "odd ""name"" 'ü'";
          UPDATE files SET content = NULL; INSERT INTO customers (name) VALUES ('late');
          UPDATE sqlite_sequence SET seq = 900`),
      );
      await restore(tables, { confirm: 'app.db' });
      assert.deepEqual(contentOf(path), expected);
      onSqlite(path, (database) => database.exec("INSERT INTO log VALUES (0, 'kept')"));
      await restore(['orders'], { confirm: 'app.db' });
      const kept = onSqlite(path, (database) =>
        database.prepare("SELECT 1 FROM log WHERE what = 'kept'").all(),
      );
      assert.equal(kept.length, 1);
    }));

  it('keeps the replaced file whole with --keep-old, whatever its name is', () =>
    withTables(async ({ folder, path, restore }) => {
      const name = `a"b\\c'd.db`;
      const target = join(folder, name);
      await copyFile(path, target);
      onSqlite(target, (database) => database.exec('DELETE FROM orders; DELETE FROM files'));
      const before = contentOf(target);
      await restore(['orders'], { confirm: name, keepOld: true }, target);
      const kept = (await readdir(folder)).filter((each) => each.startsWith(`${name}.before-`));
      assert.equal(kept.length, 1, kept.join());
      assert.deepEqual(contentOf(join(folder, kept.join())), before);
      assert.deepEqual([rowsIn(target, 'orders'), rowsIn(target, 'files')], [rowsIn(path, 'orders'), 0]);
    }));

  it('makes a database of them alone where there is none', () =>
    withTables(async ({ folder, restore }) => {
      const path = join(folder, 'few.db');
      await restore(['customers', 'settings'], { create: true }, path);
      const names = onSqlite(path, (database) =>
        database.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all(),
      );
      assert.deepEqual(
        names.map(({ name }) => name),
        ['customers', 'lowered', 'settings', 'vips'],
      );
    }));

  it('refuses a table that is not in the backup, and one that is several, and changes nothing', () =>
    withTables(async ({ folder, path, restore }) => {
      const before = contentOf(path);
      for (const [table, code] of [
        ['nothere', 'TABLE_NOT_FOUND'],
        ['sqlite_sequence', 'TABLE_NOT_FOUND'],
        ['totals', 'TABLE_NOT_FOUND'],
        ['notes', 'USAGE'],
        ['notes_content', 'USAGE'],
      ] as const)
        await assert.rejects(restore(['orders', table], { confirm: 'app.db' }), { code });
      await assert.rejects(restore(['orders'], {}), { code: 'TARGET_NOT_EMPTY' });
      assert.deepEqual(contentOf(path), before);
      assert.deepEqual(await readdir(folder), ['app.db']);
    }));
});

interface Tables {
  folder: string;
  path: string;
  restore(
    names: readonly string[],
    options: { confirm?: string; create?: boolean; keepOld?: boolean },
    to?: string,
  ): Promise<unknown>;
}

function rowsIn(path: string, table: string): unknown {
  return onSqlite(path, (database) => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
}

function withTables(use: (tables: Tables) => Promise<void>): Promise<void> {
  return withEngineRun((run) =>
    withFolder(async (folder) => {
      const path = join(folder, 'app.db');
      createSqliteSample(path);
      const manifest = await run.backUp(sqliteSource(path));
      await use({
        folder,
        path,
        restore: (names, options, database = path) =>
          run.restoreTo(manifest, { source: null, database }, { ...options, tables: names }),
      });
    }),
  );
}
