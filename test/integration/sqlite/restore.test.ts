import assert from 'node:assert/strict';
import { chmod, mkdir, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RestoreOptions } from '../../../src/pipeline/engine/engine.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import { dieWriting, whileOpen } from '../../support/sqlite-process.ts';
import { contentOf, createSqliteSample, onSqlite, sqliteSource } from '../../support/sqlite-sample.ts';

const confirmed = { confirm: 'app.db' };

describe('a restore of SQLite over a file', () => {
  it('keeps the replaced one with --keep-old, and its mode either way', () =>
    withBackup(async ({ folder, path, manifest, restore }) => {
      onSqlite(path, (database) => database.exec("INSERT INTO files VALUES ('late', 'late')"));
      await chmod(path, 0o640);
      const late = contentOf(path);
      const notes = await restore({ ...confirmed, keepOld: true });
      const kept = `${path}.before-${manifest.backupId}`;
      assert.match(notes.join(), /what was there is now/);
      assert.deepEqual(contentOf(kept), late);
      assert.equal((await stat(path)).mode & 0o777, 0o640);
      await restore(confirmed);
      assert.deepEqual(await readdir(folder), ['app.db', `app.db.before-${manifest.backupId}`]);
    }));

  it('does not apply to the new file what the old one had in its WAL or journal', () =>
    withBackup(async ({ path, manifest, expected, restore }) => {
      for (const mode of ['WAL', 'DELETE'] as const) {
        await dieWriting(path, mode);
        await restore(confirmed);
        assert.deepEqual(contentOf(path), expected);
        await dieWriting(path, mode);
        await restore({ ...confirmed, keepOld: true });
        assert.deepEqual(contentOf(path), expected);
        const kept = `${path}.before-${manifest.backupId}`;
        const rows = onSqlite(kept, (database) => database.prepare('SELECT content FROM dead').all());
        assert.deepEqual({ ...rows[0] }, { content: 'committed' }, 'what was committed is in the kept file');
        assert.equal(rows.length, 1);
        await rename(kept, `${path}.${mode}`);
      }
    }));

  it('replaces a damaged database, and what is beside it stays with it', () =>
    withBackup(async ({ folder, path, manifest, expected, restore }) => {
      const persist =
        "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = PERSIST; INSERT INTO files VALUES ('x', 'x')";
      onSqlite(path, (database) => database.exec(persist));
      await damage(path);
      const journal = await readFile(`${path}-journal`);
      await restore({ ...confirmed, keepOld: true });
      assert.deepEqual(contentOf(path), expected);
      assert.deepEqual(await readFile(`${path}.before-${manifest.backupId}-journal`), journal);
      onSqlite(path, (database) => database.exec(persist));
      await restore(confirmed);
      assert.deepEqual(contentOf(path), expected);
      assert.deepEqual(
        (await readdir(folder)).filter((name) => !name.includes('.before-')),
        ['app.db'],
      );
    }));

  it('refuses one that another program has open, or holds a lock on, and leaves it as it is', () =>
    withBackup(async ({ path, restore }) => {
      await whileOpen(path, "INSERT INTO files VALUES ('late', 'late')", async () => {
        const before = contentOf(path);
        await assert.rejects(restore(confirmed), {
          code: 'DATABASE_UNREACHABLE',
          message: /another program has .* open/,
        });
        assert.deepEqual(contentOf(path), before);
      });
      onSqlite(path, (database) => database.exec('PRAGMA journal_mode = DELETE'));
      await whileOpen(path, 'BEGIN IMMEDIATE', () =>
        assert.rejects(restore(confirmed), { code: 'DATABASE_UNREACHABLE', message: /held a lock/ }),
      );
    }));

  it('refuses what a database that was moved away left behind, and a folder that is not there', () =>
    withBackup(async ({ folder, path, manifest, run }) => {
      const to = (database: string) => run.restoreTo(manifest, { source: null, database }, { create: true });
      const moved = join(folder, 'moved.db');
      await writeFile(`${moved}-wal`, 'the last changes');
      await assert.rejects(to(moved), {
        code: 'TARGET_EXISTS',
        message: /moved\.db-wal is there without its database/,
      });
      assert.deepEqual((await readdir(folder)).toSorted(), ['app.db', 'moved.db-wal']);
      await assert.rejects(to(join(folder, 'missing', 'app.db')), {
        code: 'USAGE',
        message: /does not exist/,
      });
      await assert.rejects(run.restoreTo(manifest, { source: null, database: 'app.db' }, { create: true }), {
        code: 'USAGE',
      });
      await mkdir(join(folder, 'place.db'));
      await assert.rejects(to(join(folder, 'place.db')), { code: 'TARGET_EXISTS' });
      await assert.rejects(
        run.restoreTo(manifest, { source: sqliteSource(path), database: undefined }, { create: true }),
        { code: 'TARGET_EXISTS' },
      );
    }));
});

interface Backup {
  folder: string;
  path: string;
  run: Parameters<Parameters<typeof withEngineRun>[0]>[0];
  manifest: Manifest;
  expected: unknown;
  /** Over the file that was backed up. */
  restore(options: Partial<RestoreOptions>): Promise<readonly string[]>;
}

function withBackup(use: (backup: Backup) => Promise<void>): Promise<void> {
  return withEngineRun((run) =>
    withFolder(async (folder) => {
      const path = join(folder, 'app.db');
      createSqliteSample(path);
      const expected = contentOf(path);
      const manifest = await run.backUp(sqliteSource(path));
      // A reader that may not write leaves an empty WAL there.
      onSqlite(path, (database) => database.exec('SELECT count(*) FROM sqlite_schema'));
      const restore = (options: Partial<RestoreOptions>): Promise<readonly string[]> =>
        run.restoreTo(manifest, { source: sqliteSource(path), database: undefined }, options);
      await use({ folder, path, run, manifest, expected, restore });
    }),
  );
}

async function damage(path: string): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.write(Buffer.alloc(100, 7), 0, 100, 0);
}
