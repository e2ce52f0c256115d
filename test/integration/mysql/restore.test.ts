import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, startMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample, describeDatabase } from '../../support/mariadb-sample.ts';

describe('a restore to MariaDB', () => {
  let server: TestMariadb;

  before(async () => {
    server = await sharedMariadb();
  });

  after(() => server.stop());

  const targetOf = (name: string) => ({ source: mariadbSource(server.adminUrl), database: name });

  it('never changes the source, although the dump names it', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const { database, url } = await createSample(server);
      const manifest = await backUp(mariadbSource(url));
      await statements(server.adminUrl, `ALTER DATABASE ${database} COLLATE utf8mb4_bin;`);
      const before_ = await describeDatabase(url);
      const name = server.uniqueName();
      await restoreTo(manifest, targetOf(name), { create: true });
      assert.deepEqual(await describeDatabase(url), before_);
      const [[purchase]] = (await statements(
        server.url(name),
        'INSERT INTO purchase (customer, price) VALUES (1, 5) RETURNING id',
      )) as [[string]];
      assert.ok(Number(purchase) > 100, 'the number comes from the restored sequence');
      assert.deepEqual(await describeDatabase(url), before_);
    }));

  it('never changes or uses the source, although a trigger and views name it', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const [database, other] = [await server.createDatabase(), await server.createDatabase()];
      const url = server.url(database);
      await statements(
        url,
        `CREATE TABLE item (a INT PRIMARY KEY); INSERT INTO item VALUES (1); CREATE TABLE ${other}.item (a INT);
         CREATE SEQUENCE counter; CREATE FUNCTION f() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM item);
         CREATE TABLE label (text VARCHAR(20) DEFAULT CONCAT('no. ', NEXTVAL(counter)), a INT);
         CREATE VIEW all_items AS SELECT a FROM item WHERE a NOT IN (SELECT a FROM ${other}.item);
         CREATE VIEW next AS SELECT f() AS f, NEXTVAL(counter) AS n;
         CREATE TRIGGER ${database}.added
           BEFORE INSERT ON ${database} . item FOR EACH ROW SET NEW.a = NEW.a + 1;`,
      );
      const manifest = await backUp(mariadbSource(url));
      await statements(url, 'DROP TRIGGER added');
      const expected = await describeTables(url);
      const name = server.uniqueName();
      await restoreTo(manifest, targetOf(name), { create: true });
      await statements(
        server.url(name),
        'INSERT INTO item VALUES (5); DELETE FROM all_items WHERE a = 1; SELECT * FROM next; INSERT INTO label (a) VALUES (1);',
      );
      assert.deepEqual(await statements(server.url(name), 'SELECT a FROM item; SELECT f, n FROM next'), [
        ['6'],
        ['1', '3'],
      ]);
      assert.deepEqual(await describeTables(url), expected);
    }));

  it('keeps comments, and lines in them that look like those of a dump', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const url = server.url(await server.createDatabase());
      const made = [
        "CREATE PROCEDURE p() BEGIN\n  -- it's 19 %;\n  SELECT 1; # why\n  /* DELIMITER:\nDELIMITER ;\nCREATE TABLE `phantom` (\n*/\nEND",
        'CREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW BEGIN\n/*\nDELIMITER ;\n*/ SET NEW.a = 1; -- so\nEND',
        'CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO BEGIN\n  -- why\n  SELECT 1; /* so */\nEND',
      ].map((text) => `EXECUTE IMMEDIATE _utf8mb4 X'${Buffer.from(text).toString('hex')}';`);
      await statements(url, `CREATE TABLE item (a INT); ${made.join(' ')}`);
      const expected = await describeTexts(url);
      const manifest = await backUp(mariadbSource(url));
      const [name, alone] = [server.uniqueName(), server.uniqueName()];
      await restoreTo(manifest, targetOf(name), { create: true });
      assert.deepEqual(await describeTexts(server.url(name)), expected);
      await assert.rejects(restoreTo(manifest, targetOf(alone), { create: true, tables: ['phantom'] }), {
        code: 'TABLE_NOT_FOUND',
      });
      await restoreTo(manifest, targetOf(alone), { create: true, tables: ['item'] });
      assert.deepEqual((await describeTexts(server.url(alone)))[0], expected[0]);
    }));

  it('takes what the source holds although its own rules would refuse it now', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const url = server.url(await server.createDatabase());
      await statements(
        url,
        `SET check_constraint_checks = 0, innodb_strict_mode = 0;
         CREATE TABLE item (a INT CHECK (a > 0)) ENGINE = InnoDB ROW_FORMAT = FIXED; INSERT INTO item VALUES (-1), (1);`,
      );
      const name = server.uniqueName();
      await restoreTo(await backUp(mariadbSource(url)), targetOf(name), { create: true });
      assert.deepEqual(await statements(server.url(name), 'SELECT a FROM item'), [['-1'], ['1']]);
      await assert.rejects(statements(server.url(name), 'INSERT INTO item VALUES (-2)'), /CONSTRAINT/);
    }));

  it('is not ended by a limit of the server on the time of a statement', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const own = await startMariadb();
      try {
        const { url } = await createSample(own);
        await statements(own.adminUrl, 'SET GLOBAL max_statement_time = 0.001');
        const manifest = await backUp(mariadbSource(url));
        const target = { source: mariadbSource(own.adminUrl), database: own.uniqueName() };
        await restoreTo(manifest, target, { create: true });
      } finally {
        await own.stop();
      }
    }));

  it('makes a column of type TIMESTAMP as it was, whatever the server adds to one by itself', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const own = await startMariadb({ options: ['--explicit-defaults-for-timestamp=OFF'] });
      try {
        const url = server.url(await server.createDatabase());
        await statements(url, 'CREATE TABLE item (at TIMESTAMP NOT NULL, until TIMESTAMP NULL)');
        const name = own.uniqueName();
        const target = { source: mariadbSource(own.adminUrl), database: name };
        await restoreTo(await backUp(mariadbSource(url)), target, { create: true });
        const show = 'SHOW CREATE TABLE item';
        assert.deepEqual(await statements(own.url(name), show), await statements(url, show));
      } finally {
        await own.stop();
      }
    }));

  it('says what to do where a row is larger than the server takes', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const own = await startMariadb({ options: ['--max-allowed-packet=64M'] });
      try {
        const url = own.url(await own.createDatabase());
        await statements(url, "CREATE TABLE large AS SELECT REPEAT(X'00FF', 13 << 20) AS value");
        // The dump program's own limit is lower.
        await backUp(mariadbSource(url));
        await statements(url, 'UPDATE large SET value = LEFT(value, 1 << 20)');
        const manifest = await backUp(mariadbSource(url));
        await statements(own.adminUrl, 'SET GLOBAL max_allowed_packet = 1 << 20');
        await assert.rejects(
          restoreTo(
            manifest,
            { source: mariadbSource(own.adminUrl), database: own.uniqueName() },
            { create: true },
          ),
          { hint: /max_allowed_packet .*to more than twice/ },
        );
      } finally {
        await own.stop();
      }
    }));

  it('is refused where the database exists, and makes none that it cannot fill', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const { database, url } = await createSample(server);
      const manifest = await backUp(mariadbSource(url));
      await assert.rejects(restoreTo(manifest, targetOf(database), { create: true }), {
        code: 'TARGET_EXISTS',
      });
      await assert.rejects(restoreTo(manifest, targetOf(server.uniqueName())), { code: 'DATABASE_MISSING' });
      const strange = { ...manifest, restore: { ...manifest.restore, collate: 'utf8mb4_0900_ai_ci' } };
      const name = server.uniqueName();
      await assert.rejects(restoreTo(strange, targetOf(name), { create: true }), {
        code: 'RESTORE_FAILED',
        message: /does not know the character set utf8mb4 or the collation utf8mb4_0900_ai_ci/,
      });
      assert.deepEqual(await statements(server.adminUrl, `SHOW DATABASES LIKE '${name}'`), []);
    }));

  it('says so when the target is the very source', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const { database, url } = await createSample(server);
      const manifest = await backUp(mariadbSource(url));
      await assert.rejects(restoreTo(manifest, targetOf(database)), {
        code: 'TARGET_NOT_EMPTY',
        message: /is the very database that .* was made of/,
      });
    }));

  it('drops what it made when it fails, and says what it could not take back', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const { database, url } = await createSample(server);
      const manifest = await backUp(mariadbSource(url));
      const poor = server.uniqueName();
      const names = [server.uniqueName(), server.uniqueName()] as const;
      const grants = names.map(
        (name) => `GRANT ALL PRIVILEGES ON ${name}.* TO ${poor}@'%';
        REVOKE TRIGGER ON ${name}.* FROM ${poor}@'%';`,
      );
      await statements(
        server.adminUrl,
        `CREATE USER ${poor}@'%' IDENTIFIED BY 'poor-canary'; ${grants.join('\n')} CREATE DATABASE ${names[1]};`,
      );
      const source = mariadbSource(server.url(database, poor, 'poor-canary'));
      const options = { noOwner: true };
      await assert.rejects(
        restoreTo(manifest, { source, database: names[0] }, { ...options, create: true }),
        {
          code: 'DATABASE_PERMISSION',
          message: /TRIGGER command denied/,
        },
      );
      assert.deepEqual(await statements(server.adminUrl, `SHOW DATABASES LIKE '${names[0]}'`), []);
      await assert.rejects(restoreTo(manifest, { source, database: names[1] }, options), {
        code: 'DATABASE_PERMISSION',
        message: /may now hold a part of the backup beside what was there$/,
      });
    }));

  it('leaves what the backup does not have, and says so', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const { url } = await createSample(server);
      const manifest = await backUp(mariadbSource(url));
      const name = await server.createDatabase();
      await statements(server.url(name), 'CREATE TABLE other (a INT); CREATE TABLE customer (b INT);');
      const notes = await restoreTo(manifest, targetOf(name), { confirm: name });
      assert.deepEqual(notes, ['objects of the target that the backup does not have were left as they were']);
      assert.deepEqual(await statements(server.url(name), 'SELECT COUNT(*) FROM other'), [['0']]);
      assert.deepEqual(await statements(server.url(name), 'SELECT COUNT(*) FROM customer'), [['4']]);
    }));

  it('is refused by an older server, and told of another product', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const { url } = await createSample(server);
      const manifest = await backUp(mariadbSource(url));
      const madeBy = (serverVersion: string) => ({
        ...manifest,
        engine: { ...manifest.engine, serverVersion },
      });
      const name = server.uniqueName();
      await assert.rejects(restoreTo(madeBy('99.1.2-MariaDB'), targetOf(name), { create: true }), {
        code: 'CONFIG_INVALID',
        message: /the backup is of MariaDB 99\.1\.2/,
      });
      const notes = await restoreTo(madeBy('8.0.36'), targetOf(name), { create: true });
      assert.match(notes.join(), /the backup is of MySQL, the server is MariaDB/);
    }));
});

function describeTables(url: string): Promise<unknown> {
  return statements(url, 'SELECT a FROM item; SELECT next_not_cached_value FROM counter; SHOW TRIGGERS;');
}

function describeTexts(url: string) {
  return statements(
    url,
    `SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE();
     SELECT EVENT_DEFINITION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE();
     SELECT ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE();`,
  );
}
