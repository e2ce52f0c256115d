import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { databaseFolder } from '../../../src/pipeline/catalog/keys.ts';
import { createCodec } from '../../../src/pipeline/codec/codecs.ts';
import type { Scratch } from '../../../src/pipeline/engine/engine.ts';
import { createSqliteEngine } from '../../../src/pipeline/engine/sqlite/engine.ts';
import { partReader } from '../../../src/pipeline/part/decode.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { createSqliteSample, onSqlite, sqliteSource } from '../../support/sqlite-sample.ts';

describe('a drill of SQLite', () => {
  it('finds every object and counts every row, and leaves nothing', () =>
    drill(async ({ scratch, missing }) => {
      assert.deepEqual(await missing(), []);
      const counts = await scratch.count();
      assert.equal(counts.get('customers'), 3);
      assert.equal(counts.get('"odd ""name"" \'ü\'"'), 3);
      assert.equal(counts.get('empty'), 0);
      assert.match(scratch.serverVersion, /^3\.\d+/);
    }));

  it('tells which objects and rows the restored file lacks', () =>
    drill(async ({ scratch, path, missing }) => {
      onSqlite(path, (database) =>
        database.exec('DROP TRIGGER logged; DROP INDEX vips; DELETE FROM customers WHERE id = 1'),
      );
      assert.deepEqual(await missing(), ['index vips', 'trigger logged']);
      assert.equal((await scratch.count()).get('customers'), 2);
    }));

  it('asks one query, which can neither write nor reach anything else', () =>
    drill(async ({ scratch, path }) => {
      for (const [assertion, outcome] of [
        ['SELECT count(*) = 3 FROM customers;', undefined],
        ['SELECT 1 UNION ALL SELECT 0', undefined],
        ['SELECT count(*) = 4 FROM customers', 'it gave 0'],
        ['SELECT NULL', 'it gave NULL'],
        ["SELECT 'yes'", "it gave 'yes'"],
        ['SELECT 1 WHERE 0', 'it gave no row'],
      ] as const)
        assert.equal(await scratch.refute(assertion), outcome, assertion);
      assert.match((await scratch.refute('SELECT 1 FROM nothere')) ?? '', /no such table: nothere/);
      const other = `${path}.other`;
      for (const assertion of [
        'DELETE FROM customers',
        '.shell touch other',
        `SELECT 1) SELECT 1; ATTACH '${other}' AS o; CREATE TABLE o.t (x); SELECT (1`,
        `SELECT writefile('${other}', 'x')`,
        "SELECT load_extension('x')",
        'SELECT no_such_function()',
      ])
        await assert.rejects(scratch.refute(assertion), {
          code: 'RESTORE_FAILED',
          message: /cannot be asked/,
        });
      await assert.rejects(stat(other), { code: 'ENOENT' });
      assert.equal((await scratch.count()).get('customers'), 3);
    }));
});

interface Drill {
  scratch: Scratch;
  /** Of the restored file. */
  path: string;
  missing(): Promise<readonly string[]>;
}

/** Restores a new backup into a scratch place, which must be gone afterwards. */
function drill(use: (drill: Drill) => Promise<void>): Promise<void> {
  return withEngineRun((run) =>
    withFolder(async (folder) => {
      const source = join(folder, 'app.db');
      createSqliteSample(source);
      const manifest = await run.backUp(sqliteSource(source));
      const context = engineContext();
      const target = { source: null, database: undefined };
      const scratch = await createSqliteEngine().scratch(
        { manifest, target, name: 'bkd_drill_x', at: new Date() },
        context,
      );
      const path = scratch.target.database ?? '';
      const codecs = [await createCodec({ config: { type: 'zstd', level: 1 }, tools: context.tools })];
      const parts = partReader({
        storage: run.storage,
        folder: databaseFolder(manifest.database),
        codecs,
        signal: context.signal,
      });
      try {
        await run.restoreTo(manifest, scratch.target, { create: true });
        await use({ scratch, path, missing: () => scratch.missing({ manifest, parts }) });
      } finally {
        assert.equal(await scratch.drop(), undefined);
      }
      await assert.rejects(stat(dirname(path)), { code: 'ENOENT' });
    }),
  );
}
