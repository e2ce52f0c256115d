import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { contentOf, fillSample } from '../support/postgres-sample.ts';

describe('a PostgreSQL database through the queue into storage, and back', () => {
  it('is backed up by a worker and restored into a new database, equal in every table', () =>
    withInstallation(async ({ postgres, configure, run, start, stored }) => {
      const database = await postgres.createDatabase();
      const [owner, reader] = [postgres.uniqueName(), postgres.uniqueName()];
      await query(postgres.adminUrl, `CREATE ROLE ${owner}; CREATE ROLE ${reader}`);
      await fillSample(postgres.url(database), { owner, reader });
      await configure({ databases: { shop: { engine: 'postgres', url: postgres.url(database) } } });
      const worker = await start(['worker']);

      const backup = await run('backup', 'shop', '--json');
      assert.equal(backup.code, 0, backup.stderr);
      const [made] = backup.json<{ runs: { backupId: string; outcome: string }[] }>().runs;
      assert.equal(made?.outcome, 'committed');
      assert.ok((await stored()).includes(`shop/catalog/${made?.backupId}.json`));

      const lines = worker
        .log()
        .split('\n')
        .filter((line) => line.includes(made?.backupId ?? ''));
      assert.ok(lines.length >= 2, worker.log());
      for (const line of lines) {
        const { backupId, database: name, attempt, jobId } = JSON.parse(line);
        assert.deepEqual(
          [backupId, name, attempt, typeof jobId],
          [made?.backupId, 'shop', 1, 'string'],
          line,
        );
      }

      const copy = postgres.uniqueName();
      const restore = await run('restore', 'shop', '--to', `shop/${copy}`, '--create');
      assert.equal(restore.code, 0, restore.stderr);
      assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(postgres.url(database)));
    }));
});
