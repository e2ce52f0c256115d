import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample } from '../../support/mariadb-sample.ts';

describe('a restore of single tables to MariaDB', () => {
  let server: TestMariadb;
  let url: string;
  let database: string;

  before(async () => {
    server = await sharedMariadb();
    ({ url, database } = await createSample(server));
  });

  after(() => server.stop());

  const targetOf = (name: string) => ({ source: mariadbSource(server.adminUrl), database: name });
  const tablesOf = async (name: string) =>
    (await statements(server.url(name), 'SHOW TABLES')).map(([table]) => table).sort();

  it('makes those, with their rows and triggers, and nothing else', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(url));
      const name = server.uniqueName();
      const tables = ['purchase', `${database}.counter`, 'odd `name; -- "x"'];
      assert.deepEqual(await restoreTo(manifest, targetOf(name), { create: true, tables }), []);
      assert.deepEqual(await tablesOf(name), ['counter', 'odd `name; -- "x"', 'purchase']);
      const contents = async (at: string) => {
        const rows = await statements(
          at,
          'SHOW CREATE TABLE purchase; CHECKSUM TABLE purchase EXTENDED; SELECT next_not_cached_value FROM counter',
        );
        return JSON.parse(JSON.stringify(rows).replaceAll(name, database));
      };
      assert.deepEqual(await contents(server.url(name)), await contents(url));
      const counts = `SELECT (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()),
        (SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()),
        (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE())`;
      assert.deepEqual(await statements(server.url(name), counts), [['0', '0', '2']]);
    }));

  it('replaces one that is there only when its database was typed, and leaves the others', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(url));
      const name = await server.createDatabase();
      await statements(server.url(name), 'CREATE TABLE article (a INT); CREATE TABLE other (a INT);');
      const tables = ['article', 'audit'];
      await assert.rejects(restoreTo(manifest, targetOf(name), { tables }), {
        code: 'TARGET_NOT_EMPTY',
        message: /it holds article$/,
      });
      assert.deepEqual(await tablesOf(name), ['article', 'other']);
      await restoreTo(manifest, targetOf(name), { tables, confirm: name });
      assert.deepEqual(await tablesOf(name), ['article', 'audit', 'other']);
      assert.deepEqual(await statements(server.url(name), 'SELECT COUNT(*) FROM article'), [['2']]);
    }));

  it('is refused for a table that the backup lacks, before anything is made', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(url));
      const name = server.uniqueName();
      await assert.rejects(
        restoreTo(manifest, targetOf(name), { create: true, tables: ['audit', 'double_of'] }),
        { code: 'TABLE_NOT_FOUND', message: /has no table "double_of"/, hint: /^It has 10: / },
      );
      assert.deepEqual(await statements(server.adminUrl, `SHOW DATABASES LIKE '${name}'`), []);
    }));

  it('takes back what it made when it fails, and says what it could not', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(url));
      const name = await server.createDatabase();
      await statements(server.url(name), 'CREATE TABLE article (a INT);');
      // The sequence of its default values is not there.
      const tables = ['article', 'audit', 'purchase'];
      await assert.rejects(restoreTo(manifest, targetOf(name), { tables, confirm: name }), {
        code: 'RESTORE_FAILED',
        message: /; article in the database ".*" may now be missing, or hold only a part of the rows$/,
      });
      assert.deepEqual(await tablesOf(name), ['article']);
    }));
});
