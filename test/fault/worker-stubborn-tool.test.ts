import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { makeTools } from '../support/misbehaving-tools.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';

describe('SIGTERM while a dump tool ignores SIGTERM', () => {
  it('kills the tool after its grace, hands the run back, and leaves nothing', () =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, run, start } = installation;
      const database = await postgres.createDatabase();
      await query(postgres.url(database), 'CREATE TABLE orders AS SELECT 1 AS id');
      const stubborn = "trap '' TERM; printf PGDMP; while :; do sleep 0.1; done";
      const tools = await makeTools(join(path, 'tools'), { pg_dump: stubborn });
      const shop = { engine: 'postgres', url: postgres.url(database) };
      await configure({ databases: { shop }, timeouts: { drain: 100 }, tools: { path: [tools] } });
      const worker = await start(['worker']);
      const [made] = (await run('backup', '--detach', '--json')).json<{ runs: { backupId: string }[] }>()
        .runs;
      const job = async (): Promise<{ state: string; attempts: number }> =>
        (await run('jobs', 'show', made?.backupId ?? '', '--json')).json<{
          job: { state: string; attempts: number };
        }>().job;
      await until('the dump runs', () => /backup started/.test(worker.log()));
      assert.equal(await worker.stop(), 0);
      assert.equal((await job()).state, 'waiting', 'it was handed back, not left to its lock');
      await assertInvariants(installation, { committed: [], leftovers: 'none' });
    }));
});
