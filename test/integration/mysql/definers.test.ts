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
