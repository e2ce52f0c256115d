import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample } from '../../support/mariadb-sample.ts';

const all = { include: [], exclude: [], excludeData: [] };

describe('a MariaDB dump of less than everything', () => {
  let server: TestMariadb;
  let url: string;

  before(async () => {
    server = await sharedMariadb();
    ({ url } = await createSample(server));
  });

  after(() => server.stop());

  const restored = (changes: Parameters<typeof mariadbSource>[1]) =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(url, changes));
      const name = server.uniqueName();
      await restoreTo(manifest, { source: mariadbSource(server.adminUrl), database: name }, { create: true });
      const rows = await statements(server.url(name), 'SHOW TABLES');
      return { notes: manifest.notes, tables: rows.map(([table]) => table).sort(), url: server.url(name) };
    });

  it('has the tables that match, and says which', async () => {
    const { tables, notes } = await restored({
      tables: { ...all, include: ['*er', 'au?it', 'purchase'], exclude: ['audi*'] },
    });
    assert.deepEqual(tables, ['counter', 'customer', 'purchase']);
    assert.deepEqual(notes, [
      'only the tables that match *er, au?it, purchase',
      'without the tables that match audi*',
    ]);
  });

  it('has no rows of the tables that match', async () => {
    const { url: at, notes } = await restored({ tables: { ...all, excludeData: ['customer', 'audit'] } });
    assert.deepEqual(
      await statements(at, 'SELECT (SELECT COUNT(*) FROM customer), (SELECT COUNT(*) FROM purchase)'),
      [['0', '2']],
    );
    assert.deepEqual(notes, [
      'without the rows of the tables that match customer, audit',
      'restored to six digits only, as the dump program prints FLOAT: many_types (single)',
    ]);
  });

  it('has no rows at all', async () => {
    const { url: at, notes } = await restored({ schemaOnly: true });
    assert.deepEqual(await statements(at, 'SELECT COUNT(*) FROM purchase'), [['0']]);
    assert.deepEqual(notes, ['definitions only, no rows']);
  });

  it('is made with the limits and arguments that change nothing in it', async () => {
    const { tables } = await restored({
      statementTimeout: 60_000,
      extraArguments: ['--skip-extended-insert', '--max-allowed-packet=64M'],
    });
    assert.equal(tables.length, 10);
  });

  it('is refused where it would not be what was asked for', () =>
    withEngineRun(async ({ backUp }) => {
      const refusals: [Parameters<typeof mariadbSource>[1], RegExp][] = [
        [
          { tables: { ...all, include: ['customer', 'nowhere*'] } },
          /nothing in the database matches "nowhere\*"/,
        ],
        [
          { tables: { ...all, exclude: ['counter', 'customer', 'expensive'] } },
          /left out: expensive_names needs customer, expensive_names needs expensive, purchase needs counter$/,
        ],
        [{ extraArguments: ['--force'] }, /extraArguments: --force is not let through/],
        [{ extraArguments: ['--result-file=/tmp/x'] }, /extraArguments: --result-file is not let through/],
        [{ lockTimeout: 1_000 }, /lockTimeout/],
      ];
      for (const [changes, message] of refusals)
        await assert.rejects(backUp(mariadbSource(url, changes)), { code: 'CONFIG_INVALID', message });
      const counted = { verify: { level: 'decode' as const, counts: 'exact' as const, assertions: [] } };
      await assert.rejects(backUp(mariadbSource(url), counted), {
        code: 'CONFIG_INVALID',
        message: /counts/,
      });
    }));
});
