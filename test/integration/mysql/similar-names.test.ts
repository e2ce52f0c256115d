import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseConnection } from '../../../src/pipeline/engine/mysql/connection.ts';
import { dropDatabase } from '../../../src/pipeline/engine/mysql/create-database.ts';
import { createClientToolsFinder } from '../../../src/pipeline/engine/mysql/tools.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, startMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { until } from '../../support/until.ts';

describe('tables of MariaDB whose names differ in case alone', () => {
  it('are not restored to a server for which they are one, unless one of them is left out', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const [server, folding] = await Promise.all([
        sharedMariadb(),
        startMariadb({ options: ['--lower-case-table-names=1'] }),
      ]);
      try {
        const url = server.url(await server.createDatabase());
        await statements(
          url,
          `CREATE TABLE Item (a INT); CREATE TABLE item (a INT); CREATE VIEW Ü AS SELECT 1; CREATE SEQUENCE ü;
           CREATE TABLE other (a INT); CREATE TABLE öther (a INT);`,
        );
        const [target, name] = [mariadbSource(folding.adminUrl), folding.uniqueName()];
        const manifest = await backUp(mariadbSource(url));
        assert.ok(
          manifest.notes.includes(
            'one and the same where the case of names does not count: Item, item, Ü, ü',
          ),
        );
        await assert.rejects(restoreTo(manifest, { source: target, database: name }, { create: true }), {
          code: 'CONFIG_INVALID',
          message: /case of names.*: Item, item, Ü, ü$/,
        });
        assert.deepEqual(await statements(folding.adminUrl, `SHOW DATABASES LIKE '${name}'`), []);
        const tables = { include: [], exclude: ['Item', 'Ü'], excludeData: ['item'] };
        const less = await backUp(mariadbSource(url, { tables }));
        await restoreTo(less, { source: target, database: name }, { create: true });
        const chosen = { create: true, tables: ['Item'] };
        await restoreTo(manifest, { source: target, database: folding.uniqueName() }, chosen);
      } finally {
        await server.stop();
        await folding.stop();
      }
    }));
});

describe('a database of MariaDB whose name differs from that of another in case alone', () => {
  let server: TestMariadb;

  before(async () => {
    server = await sharedMariadb();
  });

  after(() => server.stop());

  it('is backed up and restored as if the other were not there', () =>
    withTwins(async ({ name, twin }) => {
      await statements(server.adminUrl, `CREATE DATABASE ${name}; CREATE TABLE ${name}.a (a INT)`);
      await statements(
        server.url(twin),
        `CREATE TABLE a (a INT); CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO DELETE FROM a;
         CREATE TRIGGER deed AFTER INSERT ON a FOR EACH ROW SET @x = 1;`,
      );
      await withEngineRun(async ({ backUp, restoreTo }) => {
        const manifest = await backUp(mariadbSource(server.url(name)));
        const [of, objects] = [`WHERE EVENT_SCHEMA = '${twin}'`, 'information_schema.EVENTS'];
        assert.equal((await statements(server.adminUrl, `SELECT 1 FROM ${objects} ${of}`)).length, 1);
        await statements(server.adminUrl, `DROP TABLE ${name}.a`);
        await restoreTo(manifest, { source: mariadbSource(server.adminUrl), database: name });
        assert.deepEqual(await statements(server.url(name), 'SHOW TABLES'), [['a']]);
      });
    }));

  it('is dropped without an end to what uses the other', () =>
    withTwins(async ({ name, twin }) => {
      await statements(server.adminUrl, `CREATE DATABASE ${name}`);
      const other = statements(server.url(twin), "SELECT 'whole', SLEEP(2)");
      const using = `SELECT 1 FROM information_schema.PROCESSLIST WHERE BINARY DB = '${twin}'`;
      await until('it is used', async () => (await statements(server.adminUrl, using)).length === 1);
      const options = {
        connection: parseConnection(new Secret(server.url(name))),
        context: engineContext(),
        finder: createClientToolsFinder(),
        otherwise: 'RESTORE_FAILED' as const,
      };
      assert.equal(await dropDatabase(options), undefined);
      assert.deepEqual(await other, [['whole', '0']]);
      assert.deepEqual(await statements(server.adminUrl, `SHOW DATABASES LIKE '${name}'`), []);
    }));

  /** Two names of one word; the second is that of a database, which goes in the end. */
  async function withTwins(use: (names: { name: string; twin: string }) => Promise<void>): Promise<void> {
    const name = server.uniqueName();
    const twin = name.toUpperCase();
    await statements(server.adminUrl, `CREATE DATABASE ${twin}`);
    try {
      await use({ name, twin });
    } finally {
      await statements(server.adminUrl, `DROP DATABASE ${twin}`);
    }
  }
});
