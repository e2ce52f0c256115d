import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createSqliteEngine } from '../../src/pipeline/engine/sqlite/engine.ts';
import { databaseOf, withEngineRun } from '../support/engine-run.ts';
import { withFolder } from '../support/folder.ts';
import { engineContext } from '../support/postgres-backup.ts';
import { describeOnSmallDisk, withSmallDisk } from '../support/small-disk.ts';
import { onSqlite, sqliteSource } from '../support/sqlite-sample.ts';

const mebibyte = 1024 * 1024;

describeOnSmallDisk(import.meta.filename, () => {
  describe('a full disk under a backup of SQLite', () => {
    it('leaves the target of a restore as it was, and gives the space back', () =>
      withFilled((path) =>
        withSmallDisk({ bytes: 2 * mebibyte }, (disk) =>
          withEngineRun(async ({ backUp, restoreTo }) => {
            const manifest = await backUp(sqliteSource(path));
            const target = join(disk, 'app.db');
            onSqlite(target, (database) => database.exec('CREATE TABLE old (x)'));
            const before = await readFile(target);
            await assert.rejects(
              restoreTo(manifest, { source: null, database: target }, { confirm: 'app.db' }),
              { code: 'DISK_FULL', message: /does not fit on the disk: .*app\.db/ },
            );
            assert.deepEqual(await readdir(disk), ['app.db']);
            assert.deepEqual(await readFile(target), before);
          }),
        ),
      ));

    it('refuses a copy that has no room, and stops one whose room is taken meanwhile', () =>
      withFilled((path) =>
        withSmallDisk({ bytes: 5 * mebibyte }, (disk) =>
          withTemporaryRoot(disk, async () => {
            const [engine, context] = [createSqliteEngine(), engineContext()];
            const database = databaseOf(sqliteSource(path));
            const inspection = await engine.inspect(database, context);
            const filler = join(disk, 'filler');
            await writeFile(filler, Buffer.alloc(3 * mebibyte));
            await assert.rejects(engine.plan(database, inspection, context), {
              code: 'DISK_FULL',
              message: /are needed for a while/,
            });
            await rm(filler);
            const plan = await engine.plan(database, inspection, context);
            try {
              await writeFile(filler, Buffer.alloc(3 * mebibyte));
              const source = plan.parts[0]?.source;
              assert.ok(typeof source === 'function');
              await assert.rejects(source(context.signal), { code: 'DISK_FULL' });
            } finally {
              await plan.close();
            }
            assert.deepEqual(await readdir(disk), ['filler']);
          }),
        ),
      ));
  });
});

/** Three mebibytes that nothing can make smaller. */
function withFilled(use: (path: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const path = join(folder, 'filled.db');
    onSqlite(path, (database) => database.exec('CREATE TABLE noise AS SELECT randomblob(3145728) AS x'));
    await use(path);
  });
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
