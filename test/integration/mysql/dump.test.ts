import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createTools, type Tools } from '../../../src/pipeline/process/tools.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow } from '../../support/folder.ts';
import { sharedMariadb, startMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample } from '../../support/mariadb-sample.ts';
import { makeTools } from '../../support/misbehaving-tools.ts';

describe('a MariaDB dump', () => {
  let server: TestMariadb;

  before(async () => {
    server = await sharedMariadb();
  });

  after(() => server.stop());

  it('is no backup when the program leaves something out and exits with 0', (context) =>
    withEngineRun(async ({ path, backUp }) => {
      const source = mariadbSource((await createSample(server)).url);
      const losses: Record<string, RegExp> = {
        '--skip-triggers': /the dump would lack what the server has: TRIGGER \(0 of 3\)$/,
        '--skip-events': /EVENT (once_only|tidy), EVENT (once_only|tidy)$/,
        '--skip-routines': /FUNCTION|PROCEDURE|PACKAGE/,
      };
      for (const [option, message] of Object.entries(losses)) {
        await context.test(option, async () => {
          const options = `for each do shift; [ "$each" = -- ] && set -- "$@" ${option}; set -- "$@" "$each"; done`;
          const tools = await toolsOf(join(path, '..', option), `${options}\nexec "$REAL" "$@"`);
          await assert.rejects(backUp(source, {}, { tools }), { code: 'DUMP_FAILED', message });
          assert.deepEqual(await filesBelow(path), ['backupdata.json']);
        });
      }
    }));

  it('says that the server is away when it goes in the middle of the proof, and the program ends without a word', () =>
    withEngineRun(async ({ path, backUp }) => {
      const own = await startMariadb();
      try {
        const { url } = await createSample(own);
        const [[pidFile]] = (await statements(url, 'SELECT @@pid_file')) as [[string]];
        const [dumped, pid] = [join(path, '..', 'dumped'), Number(await readFile(pidFile, 'utf8'))];
        const dies = [
          `until [ -e '${dumped}' ]; do sleep 0.02; done`,
          `kill -KILL ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.02; done; exit 2`,
        ];
        const lines = `case "$*" in *--no-data*) ${dies.join('; ')};; esac\n"$REAL" "$@" && : > '${dumped}'`;
        const tools = await toolsOf(join(path, '..', 'tools'), lines);
        await assert.rejects(backUp(mariadbSource(url), {}, { tools }), { code: 'DATABASE_UNREACHABLE' });
        assert.deepEqual(await filesBelow(path), ['backupdata.json']);
      } finally {
        await own.stop();
      }
    }));

  it('is not begun where the server hides rows from every connection', () =>
    withEngineRun(async ({ backUp }) => {
      const own = await startMariadb();
      try {
        const url = own.url(await own.createDatabase());
        await statements(url, 'CREATE TABLE item AS SELECT seq FROM seq_1_to_20');
        const settings = { sql_select_limit: '10', system_versioning_asof: "'2020-01-01'" };
        for (const [name, value] of Object.entries(settings)) {
          await statements(own.adminUrl, `SET GLOBAL ${name} = ${value}`);
          await assert.rejects(backUp(mariadbSource(url)), {
            code: 'CONFIG_INVALID',
            message: new RegExp(`hides rows from every new connection \\(${name} = `),
          });
          await statements(own.adminUrl, `SET GLOBAL ${name} = DEFAULT`);
        }
        await backUp(mariadbSource(url));
      } finally {
        await own.stop();
      }
    }));

  it('names what would use the source from a copy under another name, there and at the restore', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const name = await server.createDatabase();
      await statements(
        server.url(name),
        `CREATE TABLE a (a INT); CREATE PROCEDURE own() DELETE FROM a; CREATE PROCEDURE other() DELETE FROM ${name}.a;
         CREATE TRIGGER deed AFTER INSERT ON a FOR EACH ROW SET @x = (SELECT count(*) FROM \`${name}\`.a);
         CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO TRUNCATE ${name}.a;`,
      );
      const manifest = await backUp(mariadbSource(server.url(name)));
      const note =
        'restored under another name these still use the database of this name: EVENT daily, PROCEDURE other, TRIGGER deed';
      assert.deepEqual(manifest.notes.slice(0, 1), [note]);
      const target = { source: mariadbSource(server.adminUrl), database: server.uniqueName() };
      assert.ok((await restoreTo(manifest, target, { create: true })).includes(note));
    }));

  it('names the tables that no transaction holds still, those whose history it leaves, and events of a replica', () =>
    withEngineRun(async ({ backUp }) => {
      const url = server.url(await server.createDatabase());
      await statements(
        url,
        'CREATE TABLE a (a INT) ENGINE = MyISAM; CREATE TABLE b (b INT) ENGINE = InnoDB WITH SYSTEM VERSIONING; CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO SELECT 1;',
      );
      const { notes } = await backUp(mariadbSource(url));
      assert.deepEqual(notes, [
        'not of one moment with the rest, because their storage engine has no transactions: a (MyISAM)',
        'events that do not run on a replica, and not where they are restored until they are enabled: e',
        'without the history that these tables keep of their rows: b',
      ]);
    }));

  it('names the FLOAT columns that come back rounded, and no others do', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const url = server.url(await server.createDatabase());
      await statements(
        url,
        `CREATE TABLE measured (id INT, a FLOAT, b FLOAT UNSIGNED, narrow FLOAT(10,8), plain FLOAT(24), wide FLOAT(25),
           large DOUBLE, third FLOAT AS (large / 3) VIRTUAL, kept FLOAT AS (large / 3) STORED);
         INSERT INTO measured (id, a, b, narrow, plain, wide, large) VALUES
           (1, 16777217, 0.1234567, 16.1234567, 1.2345678, 1.2345678, 0.1 + 2e-17), (2, 1 / 3, 1e-38 / 3, 1 / 3, -1 / 3, 1 / 3, 1 / 3);
         CREATE TABLE left_out (a FLOAT); CREATE TABLE without_rows (a FLOAT); CREATE TABLE old (a FLOAT) WITH SYSTEM VERSIONING;
         CREATE TABLE exact (a DOUBLE, b DECIMAL(10, 5)); CREATE VIEW seen AS SELECT a FROM measured;`,
      );
      const tables = { include: [], exclude: ['left*'], excludeData: ['without*'] };
      const manifest = await backUp(mariadbSource(url, { tables }));
      assert.deepEqual(manifest.notes.slice(2), [
        'restored to six digits only, as the dump program prints FLOAT: measured (a, b, plain), old (a)',
        'without the history that these tables keep of their rows: old',
      ]);
      const name = server.uniqueName();
      await restoreTo(manifest, { source: mariadbSource(server.adminUrl), database: name }, { create: true });
      const columns = ['a', 'b', 'plain', 'narrow', 'wide', 'large', 'third', 'kept'];
      const exact = columns.map((column) => `CAST(${column} AS DOUBLE)`).join(', ');
      const read = async (at: string) => statements(at, `SELECT ${exact} FROM measured ORDER BY id`);
      const [before, after] = [await read(url), await read(server.url(name))];
      for (const [row, values] of before.entries()) {
        assert.deepEqual(after[row]?.slice(3), values.slice(3));
        for (const column of [0, 1, 2]) assert.notEqual(after[row]?.[column], values[column]);
      }
    }));

  it('names the columns of character sets that lose what they do not define', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const url = server.url(await server.createDatabase());
      await statements(
        url,
        `CREATE TABLE letters (id INT, old VARCHAR(9) CHARACTER SET cp1251, older TEXT CHARACTER SET gbk, plain VARCHAR(9) CHARACTER SET latin1,
           code CHAR(9) CHARACTER SET ascii, wide VARCHAR(9) CHARACTER SET utf16, same VARCHAR(9) CHARACTER SET cp1251 AS (old));
         INSERT INTO letters (id, old, older, plain, wide) VALUES (1, 'И', '中', X'98', 'И'), (2, X'D098', X'AAA1', X'D098', 'И');
         CREATE TABLE left_out (a TEXT CHARACTER SET cp1251);`,
      );
      const tables = { include: ['letters'], exclude: [], excludeData: [] };
      const manifest = await backUp(mariadbSource(url, { tables }));
      assert.deepEqual(manifest.notes.slice(1), [
        'bytes that their character set does not define come back as "?": letters (old, older)',
      ]);
      const name = server.uniqueName();
      await restoreTo(manifest, { source: mariadbSource(server.adminUrl), database: name }, { create: true });
      const read = (at: string) =>
        statements(at, 'SELECT HEX(plain), HEX(wide), HEX(old), HEX(older) FROM letters ORDER BY id');
      const [before, after] = [await read(url), await read(server.url(name))];
      assert.deepEqual(after[0], before[0]);
      assert.deepEqual(after[1], [...(before[1] ?? []).slice(0, 2), 'D03F', '3F']);
    }));

  it('names the tables whose rows it does not have, because they are elsewhere', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const url = server.url(await server.createDatabase());
      const one = '(id INT, a FLOAT) ENGINE';
      await statements(
        url,
        `CREATE TABLE part ${one} = MyISAM; CREATE TABLE other ${one} = MyISAM; INSERT INTO part VALUES (1, 1);
         CREATE TABLE all_of ${one} = MERGE UNION = (part, other); CREATE TABLE left_out ${one} = MERGE UNION = (part);`,
      );
      const tables = { include: [], exclude: ['left*', 'other'], excludeData: [] };
      const manifest = await backUp(mariadbSource(url, { tables }));
      assert.deepEqual(manifest.notes.slice(1), [
        'not of one moment with the rest, because their storage engine has no transactions: part (MyISAM)',
        'without their rows, which their storage engine keeps elsewhere: all_of (MRG_MyISAM)',
        'restored to six digits only, as the dump program prints FLOAT: part (a)',
      ]);
      const name = server.uniqueName();
      const target = { source: mariadbSource(server.adminUrl), database: name };
      await restoreTo(await backUp(mariadbSource(url)), target, { create: true });
      assert.deepEqual(await statements(server.url(name), 'SELECT COUNT(*) FROM all_of'), [['1']]);
    }));

  it('takes names that mean something to a shell, to SQL and to a pattern', () =>
    withEngineRun(async ({ backUp, restoreTo }) => {
      const [name, copy] = ['odd `$(x)\'"; -- _%\\.ü', 'copy `$(y)\'"; &\\1 /'];
      const quoted = (text: string) => `\`${text.replaceAll('`', '``')}\``;
      const drop = `DROP DATABASE IF EXISTS ${quoted(name)}; DROP DATABASE IF EXISTS ${quoted(copy)};`;
      try {
        await statements(server.adminUrl, `CREATE DATABASE ${quoted(name)} COLLATE utf8mb4_bin;`);
        const url = server.url(name);
        await statements(
          url,
          'CREATE SEQUENCE s; CREATE TABLE t (a INT DEFAULT NEXTVAL(s)); INSERT INTO t VALUES ();',
        );
        const manifest = await backUp(
          mariadbSource(url, { tables: { include: [], exclude: ['nothing'], excludeData: [] } }),
        );
        assert.equal(manifest.source.database, name);
        const target = { source: mariadbSource(server.adminUrl), database: copy };
        await restoreTo(manifest, target, { create: true });
        await statements(url, 'DROP TABLE t; DROP SEQUENCE s;');
        await statements(server.url(copy), 'INSERT INTO t VALUES ();');
        assert.deepEqual(await statements(server.url(copy), 'SELECT COUNT(*), COUNT(DISTINCT a) FROM t'), [
          ['2', '2'],
        ]);
      } finally {
        await statements(server.adminUrl, drop);
      }
    }));

  it('comes through the socket of a server too', () =>
    withEngineRun(async ({ backUp }) => {
      const [[socket]] = (await statements(server.adminUrl, 'SELECT @@socket')) as [[string]];
      const url = new URL((await createSample(server)).url);
      // Nothing listens there.
      url.port = '1';
      await assert.rejects(backUp(mariadbSource(url.href)), { code: 'DATABASE_UNREACHABLE' });
      url.searchParams.set('socket', socket);
      const { parts } = await backUp(mariadbSource(url.href));
      assert.equal(parts[0]?.name, 'data.sql');
      url.searchParams.set('socket', `${socket}.not-there`);
      await assert.rejects(backUp(mariadbSource(url.href)), {
        code: 'DATABASE_UNREACHABLE',
        message: /not-there/,
      });
    }));
});

/** The tools of this machine, of which mariadb-dump runs those shell lines. */
async function toolsOf(folder: string, lines: string): Promise<Tools> {
  await makeTools(folder, { 'mariadb-dump': lines, mariadb: 'exec "$REAL" "$@"' });
  return createTools({ path: '', only: [folder, '/usr/bin'] });
}
