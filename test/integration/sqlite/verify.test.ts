import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import { onSqlite, sqliteSource } from '../../support/sqlite-sample.ts';

it('a verification by decoding finds an index of SQLite that does not agree with its table', () =>
  withEngineRun((run) =>
    withFolder(async (folder) => {
      const path = join(folder, 'app.db');
      const root = onSqlite(path, (database) => {
        database.exec("CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('needle')");
        return Number(
          database.prepare("SELECT rootpage AS page FROM sqlite_schema WHERE name = 'i'").get()?.page,
        );
      });
      const bytes = await readFile(path);
      const at = bytes.indexOf('needle', (root - 1) * 4_096);
      assert.ok(at > 0 && at < root * 4_096, 'the index has a page of its own');
      bytes.write('noodle', at);
      await writeFile(path, bytes);
      // Only quick_check looks at a copy before it is stored.
      const manifest = await run.backUp(sqliteSource(path));
      await run.verify(manifest, 'checksum');
      await assert.rejects(run.verify(manifest, 'decode'), {
        code: 'VERIFY_FAILED',
        message: /index i/,
      });
    }),
  ));
