import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { databaseFolder } from '../../../src/pipeline/catalog/keys.ts';
import type { RestoreTarget } from '../../../src/pipeline/engine/engine.ts';
import type { Source } from '../../../src/shared/config/schema.ts';
import { sourceOfUrl } from '../../../src/shared/config/source-schema.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { startMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { commandFor, statements } from '../../support/mariadb-client.ts';

/** As one writes it in a string of SQL. */
const odd = String.raw`'we''ird\\@x${'`'}; DROP'@'10.%'`;

describe('the users of a MariaDB database', () => {
  let server: TestMariadb;
  let other: TestMariadb;
  before(async () => {
    server = await startMariadb();
    // Less than one row of the database that cannot be restored.
    other = await startMariadb({ options: ['--max-allowed-packet=1M'] });
    await statements(server.adminUrl, users);
  });
  after(async () => {
    await server.stop();
    await other.stop();
  });

  it('are in the backup with their grants, locked and without passwords', () =>
    withEngineRun(async (run) => {
      const manifest = await run.backUp(sourceOf(server.url('shop')));
      const sql = await globalsOf(run.path, manifest);
      assert.match(sql, /^CREATE ROLE `clerk`;$/m);
      assert.match(sql, /^CREATE USER `app`@`%` REQUIRE SSL ACCOUNT LOCK;$/m);
      assert.match(sql, /^GRANT PROCESS ON \*\.\* TO `app`@`%`;$/m);
      assert.match(sql, /^GRANT SELECT, INSERT \(`a`\) ON `shop`\.`t` TO `app`@`%`;$/m);
      assert.match(sql, /^GRANT EXECUTE ON PROCEDURE `shop`\.`p` TO `app`@`%`;$/m);
      assert.match(sql, /^GRANT `clerk` TO `app`@`%`;$/m);
      assert.match(
        sql,
        /^GRANT DELETE ON `shop`\.\* TO `wild`@`%`;$/m,
        'a pattern is of this database alone',
      );
      assert.doesNotMatch(sql, /elsewhere|PASSWORD|IDENTIFIED|\*[0-9A-F]{40}/);
      const locked = [...sql.matchAll(/^CREATE USER .*$/gm)].map(([line]) => line.endsWith(' ACCOUNT LOCK;'));
      assert.ok(locked.length > 4 && locked.every(Boolean));
    }));

  it('are made by --globals where the server lacks them, for the database that is restored', () =>
    withEngineRun(async (run) => {
      await statements(other.adminUrl, "CREATE USER reader@'%' IDENTIFIED BY 'their own'");
      const existing = ["reader@'%'", "admin@'%'"];
      const before = await grantsOn(other, existing);
      const manifest = await run.backUp(sourceOf(server.url('shop')));
      const target = targetOn(other, 'shop_b');
      await assert.rejects(
        run.restoreTo(manifest, target, { create: true }),
        /OWNER_MISSING|act in the name/,
      );
      const notes = await run.restoreTo(manifest, target, { create: true, globals: true });
      assert.ok(
        notes.some((note) => /passwords are not in the backup.*`app`@`%`/.test(note)),
        notes.join('\n'),
      );
      assert.ok(notes.some((note) => /existing users were left as they are: .*`reader`@`%`/.test(note)));
      assert.deepEqual(await grantsOn(other, existing), before);
      assert.deepEqual(await grantsOn(other, ["app@'%'", 'clerk', "wild@'%'", odd]), [
        ['GRANT `clerk` TO `app`@`%`'],
        ['GRANT PROCESS ON *.* TO `app`@`%` REQUIRE SSL'],
        ['GRANT SELECT, INSERT (`a`) ON `shop_b`.`t` TO `app`@`%`'],
        ['GRANT EXECUTE ON PROCEDURE `shop_b`.`p` TO `app`@`%`'],
        ['SET DEFAULT ROLE `clerk` FOR `app`@`%`'],
        ['GRANT USAGE ON *.* TO `clerk`'],
        ['GRANT SELECT ON `shop\\_b`.* TO `clerk`'],
        ['GRANT USAGE ON *.* TO `wild`@`%`'],
        ['GRANT DELETE ON `shop\\_b`.* TO `wild`@`%`'],
        ["GRANT USAGE ON *.* TO `we'ird\\@x``; DROP`@`10.%`"],
        ["GRANT UPDATE ON `shop\\_b`.* TO `we'ird\\@x``; DROP`@`10.%` WITH GRANT OPTION"],
      ]);
      await assert.rejects(statements(other.url('', 'app', ''), 'SELECT 1'), /1045|4151|locked/);
      assert.deepEqual(await statements(other.url('shop_b'), 'SELECT * FROM v'), [['1', '2']]);
      const members = await statements(other.adminUrl, 'SELECT User, Role FROM mysql.roles_mapping');
      assert.deepEqual(members, [['app', 'clerk']], 'who restores is no member of what was made');
    }));

  it('are taken back when the restore fails, and existing ones are not', () =>
    withEngineRun(async (run) => {
      const manifest = await run.backUp(sourceOf(server.url('broken')));
      await statements(other.adminUrl, "CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'their own'");
      await statements(other.adminUrl, "DROP USER IF EXISTS app@'%', sole@'%'; DROP ROLE IF EXISTS clerk;");
      const before = await usersOf(other);
      await assert.rejects(
        run.restoreTo(manifest, targetOn(other, 'broken'), { create: true, globals: true }),
        /packet|gone away/,
      );
      assert.deepEqual(await usersOf(other), before);
      assert.deepEqual(await statements(other.adminUrl, "SHOW DATABASES LIKE 'broken'"), []);
    }));

  it("are made by the product's own client too, which reports those that are there", () =>
    withEngineRun(async (run) => {
      const sql = await globalsOf(run.path, await run.backUp(sourceOf(server.url('shop'))));
      const fresh = await startMariadb();
      try {
        await statements(fresh.adminUrl, 'CREATE DATABASE shop; CREATE TABLE shop.t (a INT, b INT);');
        const { program, args, env } = commandFor(fresh.adminUrl);
        const ended = spawnSync(program, [...args, '--binary-mode', '--force'], { env, input: sql });
        assert.match(ended.stderr.toString(), /ERROR 1396 .*CREATE USER failed for 'admin'@'%'/);
        assert.doesNotMatch(ended.stderr.toString(), /ERROR 1064/);
        assert.deepEqual((await grantsOn(fresh, [odd])).at(-1), [
          "GRANT UPDATE ON `shop`.* TO `we'ird\\@x``; DROP`@`10.%` WITH GRANT OPTION",
        ]);
        const open = `SELECT User FROM mysql.global_priv
          WHERE User NOT IN ('admin', 'mariadb.sys', 'PUBLIC') AND COALESCE(JSON_VALUE(Priv, '$.is_role'), 0) <> 1
            AND COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0) <> 1`;
        assert.deepEqual(await statements(fresh.adminUrl, open), []);
      } finally {
        await fresh.stop();
      }
    }));

  it('are not in the backup of a user who may not see them, which says so and cannot make them', () =>
    withEngineRun(async (run) => {
      const manifest = await run.backUp(sourceOf(server.url('shop', 'narrow', 'narrow-user')));
      assert.deepEqual(
        manifest.parts.map(({ kind }) => kind).filter((kind) => kind === 'globals'),
        [],
      );
      assert.ok(
        manifest.notes.some((note) =>
          /^globals are not in this backup: user 'narrow'@'%' may not read/.test(note),
        ),
        manifest.notes.join('\n'),
      );
      await assert.rejects(
        run.restoreTo(manifest, targetOn(server, 'shop_c'), { create: true, globals: true }),
        /has no globals to take users from/,
      );
    }));

  it('are not made by a user who may not make users, and nothing is left of the try', () =>
    withEngineRun(async (run) => {
      const manifest = await run.backUp(sourceOf(server.url('shop')));
      await statements(
        other.adminUrl,
        `DROP USER IF EXISTS app@'%', wild@'%'; CREATE OR REPLACE USER maker@'%' IDENTIFIED BY 'maker-pass';
         GRANT SELECT, CREATE, DROP, SET USER ON *.* TO maker@'%'`,
      );
      const before = await usersOf(other);
      const target = { source: sourceOf(other.url('', 'maker', 'maker-pass')), database: 'shop_d' };
      await assert.rejects(
        run.restoreTo(manifest, target, { create: true, globals: true }),
        /users of the backup could not be made/,
      );
      assert.deepEqual(await usersOf(other), before);
      assert.deepEqual(await statements(other.adminUrl, "SHOW DATABASES LIKE 'shop\\_d'"), []);
    }));
});

const users = `
CREATE DATABASE shop; CREATE DATABASE elsewhere; CREATE DATABASE broken;
CREATE TABLE shop.t (a INT, b INT); INSERT INTO shop.t VALUES (1, 2);
CREATE PROCEDURE shop.p() SELECT 1;
CREATE ROLE clerk;
CREATE USER app@'%' IDENTIFIED BY 'app-pass', wild@'%' IDENTIFIED BY 'p', reader@'%' IDENTIFIED BY 'p',
  elsewhere@'%' IDENTIFIED BY 'p', narrow@'%' IDENTIFIED BY 'narrow-user', ${odd} IDENTIFIED BY 'p';
ALTER USER app@'%' REQUIRE SSL; GRANT clerk TO app@'%'; SET DEFAULT ROLE clerk FOR app@'%';
GRANT SELECT ON shop.* TO clerk; GRANT PROCESS ON *.* TO app@'%';
GRANT SELECT, INSERT (a) ON shop.t TO app@'%'; GRANT EXECUTE ON PROCEDURE shop.p TO app@'%';
GRANT DELETE ON ${'`sh%`'}.* TO wild@'%'; GRANT SELECT ON shop.* TO reader@'%';
GRANT ALL ON elsewhere.* TO elsewhere@'%';
GRANT UPDATE ON shop.* TO ${odd} WITH GRANT OPTION;
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.* TO narrow@'%'; GRANT SELECT ON mysql.proc TO narrow@'%';
CREATE DEFINER = app@'%' SQL SECURITY DEFINER VIEW shop.v AS SELECT a, b FROM shop.t;
GRANT SELECT ON broken.* TO app@'%';
CREATE TABLE broken.t (a INT); INSERT INTO broken.t VALUES (1), (2);
CREATE TABLE broken.zz (big LONGTEXT) ENGINE = InnoDB; INSERT INTO broken.zz VALUES (REPEAT('x', 3000000));
`;

function sourceOf(url: string): Source {
  const source = sourceOfUrl(url);
  if (source) return source;
  throw new Error('no engine reads that URL');
}

function targetOn(server: TestMariadb, database: string): RestoreTarget {
  return { source: sourceOf(server.adminUrl), database };
}

/** Read without any program of ours, from a storage at that path. */
async function globalsOf(path: string, { database, parts }: Manifest): Promise<string> {
  const key = parts.find(({ kind }) => kind === 'globals')?.volumes[0]?.key ?? 'no globals';
  return zstdDecompressSync(await readFile(join(path, databaseFolder(database), key))).toString('utf8');
}

/** As the server prints them, without the hashes. */
async function grantsOn(server: TestMariadb, accounts: readonly string[]): Promise<(string | null)[][]> {
  const rows = await statements(
    server.adminUrl,
    accounts.map((account) => `SHOW GRANTS FOR ${account};`).join('\n'),
  );
  return rows.map((row) => row.map((text) => text?.replace(/ IDENTIFIED BY PASSWORD '[^']*'/, '') ?? null));
}

async function usersOf(server: TestMariadb): Promise<(string | null)[][]> {
  return statements(server.adminUrl, 'SELECT User, Host, Priv FROM mysql.global_priv ORDER BY User, Host');
}
