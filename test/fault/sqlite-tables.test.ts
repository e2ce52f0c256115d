import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withEngineRun } from '../support/engine-run.ts';
import { withFolder } from '../support/folder.ts';
import { createGate } from '../support/misbehaving-tools.ts';
import { misbehavingPrograms } from '../support/redis-programs.ts';
import { whileOpen } from '../support/sqlite-process.ts';
import { contentOf, createSqliteSample, onSqlite, sqliteSource } from '../support/sqlite-sample.ts';

const late = "INSERT INTO files VALUES ('late', 'late')";

describe('a program that writes to the target while tables are restored to it', () => {
  for (const mode of ['WAL', 'DELETE'])
    it(`does not lose what it committed (${mode}), and the restore is refused`, () =>
      restoreWhile(mode, async ({ path, goOn, ended }) => {
        await whileOpen(path, late, async () => {
          await goOn();
          assert.match(await ended, /^DATABASE_UNREACHABLE another program (has .* open|changed .*)$/);
        });
      }));

  for (const mode of ['WAL', 'DELETE'])
    it(`nor when it is gone before the end (${mode})`, () =>
      restoreWhile(mode, async ({ path, goOn, ended }) => {
        onSqlite(path, (database) => database.exec(late));
        await goOn();
        assert.match(await ended, /^DATABASE_UNREACHABLE another program changed /);
      }));
});

interface Halted {
  path: string;
  /** Lets sqlite3 end, which waits after its copy of the target. */
  goOn(): Promise<void>;
  ended: Promise<string>;
}

async function restoreWhile(mode: string, use: (halted: Halted) => Promise<void>): Promise<void> {
  await withEngineRun((run) =>
    withFolder(async (folder) => {
      const target = join(folder, 'target');
      const path = join(target, 'app.db');
      await mkdir(target);
      createSqliteSample(path);
      onSqlite(path, (database) => database.exec(`PRAGMA journal_mode = ${mode}`));
      const manifest = await run.backUp(sqliteSource(path));
      const before = contentOf(path);
      const gate = createGate(folder, 'copied');
      const tools = await misbehavingPrograms(folder, {
        sqlite3: `case "$*" in *.backup*) "$REAL" "$@" || exit; ${gate.lines}; exit 0;; esac; exec "$REAL" "$@"`,
      });
      const options = { confirm: 'app.db', tables: ['orders'] };
      const ended = run.restoreTo(manifest, { source: null, database: path }, options, tools).then(
        () => 'restored',
        ({ code, message }) => `${code} ${message}`,
      );
      await gate.reached();
      await use({ path, goOn: gate.open, ended });
      onSqlite(path, (database) => database.exec("DELETE FROM files WHERE path = 'late'"));
      assert.deepEqual(contentOf(path), before);
      assert.deepEqual(await readdir(target), ['app.db']);
    }),
  );
}
