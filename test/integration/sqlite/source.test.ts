import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type EngineRun, withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import { dieWriting, whileOpen } from '../../support/sqlite-process.ts';
import { contentOf, createSqliteSample, onSqlite, sqliteSource } from '../../support/sqlite-sample.ts';

describe('a backup of a database of SQLite', () => {
  for (const mode of ['DELETE', 'WAL'] as const)
    it(`holds what was committed, and no more, after a writer was killed in mode ${mode}`, () =>
      withFile(async ({ path, run }) => {
        await dieWriting(path, mode);
        const suffix = mode === 'WAL' ? '-wal' : '-journal';
        assert.ok((await stat(path + suffix)).size > 0, 'the writer left nothing');
        const restored = await restoredFrom(run, path);
        assert.deepEqual(rowsOfDead(restored), ['committed']);
        assert.deepEqual(contentOf(restored), contentOf(path));
      }));

  it('holds what is only in the WAL of a writer that is still there, and does not disturb it', () =>
    withFile(({ path, run }) =>
      whileOpen(path, 'CREATE TABLE late (x); INSERT INTO late VALUES (1)', async () => {
        const before = await readFile(path);
        const restored = await restoredFrom(run, path);
        assert.deepEqual(await readFile(path), before, 'the file itself was changed');
        onSqlite(path, (database) => database.exec('INSERT INTO late VALUES (2)'));
        assert.equal(
          onSqlite(restored, (database) => database.prepare('SELECT count(*) AS n FROM late').get()?.n),
          1,
        );
      }),
    ));

  it('waits for a lock, and is worth trying again when it waited in vain', () =>
    withFile(async ({ path, run }) => {
      onSqlite(path, (database) => database.exec('PRAGMA journal_mode = DELETE'));
      await whileOpen(path, 'BEGIN EXCLUSIVE', () =>
        assert.rejects(run.backUp(sqliteSource(path)), {
          code: 'DATABASE_UNREACHABLE',
          message: /another program held a lock/,
          retryable: true,
        }),
      );
      await run.backUp(sqliteSource(path));
    }));

  it('leaves nothing beside the database of a mode without WAL', () =>
    withFile(async ({ path, run, folder }) => {
      onSqlite(path, (database) => database.exec('PRAGMA journal_mode = DELETE'));
      await run.backUp(sqliteSource(path));
      assert.deepEqual(await readdir(folder), ['app.db']);
    }));

  it('counts the rows of every table where the configuration wants that', () =>
    withFile(async ({ path, run }) => {
      const verify = { level: 'decode' as const, counts: 'exact' as const, assertions: [] };
      const manifest = await run.backUp(sqliteSource(path), { verify });
      assert.deepEqual(
        manifest.parts.map(({ name }) => name),
        ['data.db', 'counts.json', 'RESTORE.md'],
      );
    }));
});

interface OwnFile {
  folder: string;
  path: string;
  run: EngineRun;
}

function withFile(use: (file: OwnFile) => Promise<void>): Promise<void> {
  return withEngineRun((run) =>
    withFolder(async (folder) => {
      const path = join(folder, 'app.db');
      createSqliteSample(path);
      await use({ folder, path, run });
    }),
  );
}

async function restoredFrom(run: EngineRun, path: string): Promise<string> {
  const manifest = await run.backUp(sqliteSource(path));
  const restored = `${path}.restored`;
  await run.restoreTo(manifest, { source: null, database: restored }, { create: true });
  return restored;
}

function rowsOfDead(path: string): unknown[] {
  return onSqlite(path, (database) => database.prepare('SELECT content FROM dead').all()).map(
    ({ content }) => content,
  );
}
