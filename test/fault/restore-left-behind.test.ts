import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { assertComplaint } from '../support/complaint.ts';
import { withInstallation } from '../support/installation.ts';
import { createGate, makeTools } from '../support/misbehaving-tools.ts';
import { query, startPostgres } from '../support/postgres.ts';

it('a failed restore names the database that it made and could not drop, because the server is gone', () =>
  withInstallation(async (installation) => {
    const { path, postgres, configure, run, start, env } = installation;
    const tools = await makeTools(join(path, 'tools'));
    const source = await postgres.createDatabase();
    await query(postgres.url(source), 'CREATE TABLE item AS SELECT generate_series(1, 1000) AS id');
    await configure({
      databases: { shop: { engine: 'postgres', url: postgres.url(source) } },
      tools: { path: [tools] },
    });
    const worker = await start(['worker']);
    const made = await run('backup', 'shop');
    assert.equal(made.code, 0, made.stderr);
    assert.equal(await worker.stop(), 0);

    const target = await startPostgres();
    try {
      const gate = createGate(path, 'restore');
      await makeTools(tools, {
        pg_restore: `case "$*" in *--list*) exec "$REAL" "$@";; esac; ${gate.lines}; exit 1`,
      });
      const url = new URL(target.url('copy'));
      env.PGPASSWORD = url.password;
      url.password = '';
      const restoring = run('restore', 'shop', '--to', url.href, '--create');
      await gate.reached();
      await target.stop();
      await gate.open();
      assertComplaint(await restoring, {
        code: 'RESTORE_FAILED',
        message: /pg_restore exited with code 1; the database "copy" at .* could not be dropped$/,
        hint: /^Drop it yourself/,
      });
    } finally {
      await target.stop();
    }
  }));
