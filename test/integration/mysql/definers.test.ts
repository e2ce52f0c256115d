import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample, describeDatabase } from '../../support/mariadb-sample.ts';

describe('a restore of what acts in the name of another user', () => {
  let server: TestMariadb;
  let author: string;
  let url: string;

  before(async () => {
    server = await sharedMariadb();
    author = server.uniqueName();
    await statements(
      server.adminUrl,
      `CREATE USER ${author}@'%' IDENTIFIED BY 'author-canary'; GRANT ALL PRIVILEGES ON *.* TO ${author}@'%';`,
    );
    const sample = await createSample({
      ...server,
      url: (database) => server.url(database, author, 'author-canary'),
    });
    url = server.url(sample.database);
  });

  after(() => server.stop());

  const definersOf = (at: string) =>
    statements(
      at,
      `SELECT DISTINCT DEFINER FROM (
         SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
         UNION SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
         UNION SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
         UNION SELECT DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()) all_`,
    );

  it('keeps that user where the server has it', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(url));
      assert.deepEqual(manifest.restore.roles, [`${author}@%`]);
      const name = server.uniqueName();
      await restoreTo(manifest, { source: mariadbSource(server.adminUrl), database: name }, { create: true });
      assert.deepEqual(await definersOf(server.url(name)), [[`${author}@%`]]);
    }));

  it('may be a role, which keeps them or loses them as a user does', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const [database, role, owner] = [
        await server.createDatabase(),
        server.uniqueName(),
        server.uniqueName(),
      ];
      const at = server.url(database);
      await statements(
        at,
        `CREATE ROLE ${role}; GRANT ALL ON *.* TO ${role}; CREATE TABLE item (a INT); CREATE DEFINER = ${role} VIEW items AS SELECT a FROM item;
         CREATE DEFINER = ${role} VIEW other AS SELECT a FROM item JOIN mysql.help_topic ON help_topic_id = a;
         CREATE DEFINER = ${role} PROCEDURE look() SELECT a FROM items;
         CREATE DEFINER = ${role} TRIGGER added BEFORE INSERT ON item FOR EACH ROW SET @a = 1;`,
      );
      try {
        const manifest = await backUp(mariadbSource(at));
        assert.deepEqual(manifest.restore.roles, [`${role}@`]);
        const admin = mariadbSource(server.adminUrl);
        const [whole, one] = [server.uniqueName(), server.uniqueName()];
        await restoreTo(manifest, { source: admin, database: whole }, { create: true });
        assert.match(JSON.stringify(await definersOf(server.url(whole))), new RegExp(`${role}@`));
        const view = JSON.stringify(await statements(server.url(whole), 'SHOW CREATE VIEW other'));
        assert.ok(!view.includes(database), view);
        await restoreTo(
          manifest,
          { source: admin, database: one },
          { create: true, tables: ['item', 'items'] },
        );
        await statements(
          server.adminUrl,
          `CREATE DATABASE ${owner}; CREATE USER ${owner}@'%' IDENTIFIED BY 'owner-canary';
           GRANT ALL PRIVILEGES ON ${owner}.* TO ${owner}@'%'; GRANT SELECT ON mysql.help_topic TO ${owner}@'%';`,
        );
        const source = mariadbSource(server.url(owner, owner, 'owner-canary'));
        await restoreTo(manifest, { source, database: undefined }, { noOwner: true });
        assert.deepEqual(await definersOf(server.url(owner)), [[`${owner}@%`]]);
      } finally {
        await statements(server.adminUrl, `DROP ROLE ${role}`);
      }
    }));

  it('is refused where the server lacks it, before anything is made', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(url));
      const name = server.uniqueName();
      const gone = { ...manifest, restore: { ...manifest.restore, roles: ['long@gone'] } };
      await assert.rejects(
        restoreTo(gone, { source: mariadbSource(server.adminUrl), database: name }, { create: true }),
        { code: 'OWNER_MISSING', message: /long@gone/, hint: /--no-owner/ },
      );
      assert.deepEqual(await statements(server.adminUrl, `SHOW DATABASES LIKE '${name}'`), []);
    }));

  it('gives everything to a user who may only use that database, and changes nothing else', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const [name, owner] = [server.uniqueName(), server.uniqueName()];
      await statements(
        server.adminUrl,
        `CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
         CREATE USER ${owner}@'%' IDENTIFIED BY 'owner-canary'; GRANT ALL PRIVILEGES ON ${name}.* TO ${owner}@'%';`,
      );
      const source = mariadbSource(server.url(name, owner, 'owner-canary'));
      const manifest = await backUp(mariadbSource(url));
      const restore = (noOwner: boolean) => restoreTo(manifest, { source, database: undefined }, { noOwner });
      await assert.rejects(restore(false), { code: 'DATABASE_PERMISSION', hint: /SET USER/ });
      const notes = await restore(true);
      assert.deepEqual(notes, [`views, triggers, events and routines act in the name of '${owner}'@'%'`]);
      assert.deepEqual(await definersOf(server.url(name)), [[`${owner}@%`]]);
      const [restored, expected] = await Promise.all([
        describeDatabase(server.url(name)),
        describeDatabase(url),
      ]);
      const plain = (described: unknown): unknown =>
        JSON.parse(JSON.stringify(described).replaceAll(author, 'SOMEBODY').replaceAll(owner, 'SOMEBODY'));
      assert.deepEqual(plain(restored), plain(expected));
    }));
});
