import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withInstallation } from '../support/installation.ts';
import { createSqliteSample, onSqlite } from '../support/sqlite-sample.ts';

describe('a command that is given several names', () => {
  it('backs up every database that was named, and restores every table', () =>
    withInstallation(async ({ path, configure, run, start }) => {
      const file = join(path, 'app.db');
      createSqliteSample(file);
      const source = { engine: 'sqlite', path: file };
      await configure({ databases: { one: source, two: source, three: source } });
      await start(['worker']);
      const backup = await run('backup', 'one', 'two', '--json');
      assert.equal(backup.code, 0, backup.stderr);
      const { runs } = backup.json<{ runs: { database: string; outcome: string }[] }>();
      assert.deepEqual(
        runs.map(({ database, outcome }) => `${database} ${outcome}`),
        ['one committed', 'two committed'],
      );
      const unknown = await run('backup', 'nonesuch', 'two');
      assert.equal(unknown.code, 3, unknown.stderr);
      assert.match(unknown.stderr, /nonesuch/);

      const chosen = ['--table', 'customers', '--table', 'orders'];
      const restored = await run('restore', 'one', '--to', './chosen.db', '--create', ...chosen);
      assert.equal(restored.code, 0, restored.stderr);
      onSqlite(join(path, 'chosen.db'), (database) => {
        for (const table of ['customers', 'orders'])
          assert.ok(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get(), table);
      });
    }));
});
