import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { assertComplaint } from '../../support/complaint.ts';
import { backUpShop, createDriller, lossyRestore, recorded } from '../../support/drill.ts';
import { runInProcess } from '../../support/in-process.ts';
import { type Installation, withInstallation } from '../../support/installation.ts';
import { makeTools } from '../../support/misbehaving-tools.ts';
import { query } from '../../support/postgres.ts';
import { createSample } from '../../support/postgres-sample.ts';

it('a drill finds what a restore that exits with 0 has lost, and what the user asserts in vain', (context) =>
  withInstallation(async (installation) => {
    const { postgres, path } = installation;
    const source = await createSample(postgres);
    await query(
      source.url,
      'CREATE FUNCTION twice(a integer) RETURNS integer LANGUAGE sql AS $$ SELECT 2 * a $$;',
    );
    const driller = await createDriller(postgres);
    const folder = join(path, 'tools');
    const configure = (assertions: string[] = []) =>
      installation.configure({
        databases: {
          shop: { engine: 'postgres', url: source.url, verify: { counts: 'exact', assertions } },
          lab: { engine: 'postgres', url: driller.url },
        },
        tools: { path: [folder] },
      });
    await makeTools(folder);
    await configure();
    await backUpShop(installation);
    const assertFound = async (message: RegExp) => {
      assertComplaint(await drill(installation), { code: 'VERIFY_FAILED', message });
      const marks = await recorded(installation, 'restore');
      assert.ok(marks.every(({ outcome }) => outcome === 'failed'));
      assert.ok(
        marks.some(({ error }) => message.test(error?.message ?? '')),
        'it is recorded',
      );
      assert.deepEqual(await driller.scratch(), [], 'a scratch database was left');
    };

    const losses: Record<string, RegExp> = {
      'INDEX public customers_name_trgm': /the restore lacks INDEX public\.customers_name_trgm$/m,
      'FUNCTION sales twice': /the restore lacks FUNCTION sales\.twice\(integer\)$/m,
      'TRIGGER public customers': /lacks TRIGGER public\.customers customers_touch$/m,
      'FK CONSTRAINT sales lines': /lacks FK CONSTRAINT sales\.lines lines_order_id_fkey$/m,
      'COMMENT public COLUMN': /lacks COMMENT public\.COLUMN customers\.name$/m,
      'POLICY sales orders': /lacks POLICY sales\.orders orders_read$/m,
      'BLOBS* - ': /the restore lacks LARGE OBJECT \d+$/m,
      'TABLE DATA sales lines': /sales\.lines has 0 rows instead of 500$/m,
      'TABLE DATA with space': /"with space"\."odd ""name" has 0 rows instead of 2$/m,
    };
    for (const [entries, message] of Object.entries(losses)) {
      await context.test(`without ${entries}`, async () => {
        await makeTools(folder, { pg_restore: lossyRestore(path, `; .* ${entries}`) });
        await assertFound(message);
      });
    }
    await makeTools(folder);
    const assertions: Record<string, RegExp> = {
      'SELECT false': /assertion 2 does not hold: SELECT false: it gave false$/m,
      'SELECT NULL': /it gave null$/m,
      'SELECT 1': /it gave 1$/m,
      "SELECT 'true'": /it gave "true"$/m,
      'SELECT true WHERE false': /it gave no row$/m,
      'SELECT true FROM nowhere': /relation "nowhere" does not exist$/m,
      'SELECT tru': /column "tru" does not exist$/m,
    };
    for (const [assertion, message] of Object.entries(assertions)) {
      await context.test(`asserting ${assertion}`, async () => {
        await configure(['SELECT true, false', assertion, 'SELECT 1 / 0 = 0']);
        await assertFound(message);
      });
    }
    for (const assertion of [
      'DELETE FROM customers RETURNING true',
      "SELECT nextval('ticket') > 0",
      'SELECT true) as a (holds); DROP TABLE customers; SELECT (true',
      'SELECT no_such_function()',
    ]) {
      await context.test(`not by an assertion that no database could answer: ${assertion}`, async () => {
        await configure([assertion]);
        const { code, stderr } = await drill(installation);
        assert.notEqual(code, 0);
        assert.match(stderr, /syntax error|read-only transaction|cannot insert multiple|does not exist/);
        assert.doesNotMatch(stderr, /failed verification/);
      });
    }
    await context.test('nothing of the kind: as it was, it is proven', async () => {
      await configure(['SELECT true, false']);
      const proven = await drill(installation);
      assert.equal(proven.code, 0, proven.stderr);
    });
  }));

function drill(installation: Installation) {
  return runInProcess(installation, 'verify', 'shop', '--level', 'restore', '--target', 'lab', '--here');
}
