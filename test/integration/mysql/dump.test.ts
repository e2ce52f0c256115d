import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createTools } from '../../../src/pipeline/process/tools.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow } from '../../support/folder.ts';
import { sharedMariadb, startMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample } from '../../support/mariadb-sample.ts';

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
          const folder = join(path, '..', option);
          await mkdir(folder);
          const options = `for each do shift; [ "$each" = -- ] && set -- "$@" ${option}; set -- "$@" "$each"; done`;
          await writeFile(
            join(folder, 'mariadb-dump'),
            `#!/bin/sh\n[ "$1" = --version ] || { ${options}; }\nexec /usr/bin/mariadb-dump "$@"\n`,
            { mode: 0o755 },
          );
          await writeFile(join(folder, 'mariadb'), '#!/bin/sh\nexec /usr/bin/mariadb "$@"\n', {
            mode: 0o755,
          });
          const tools = createTools({ path: '', only: [folder, '/usr/bin'] });
          await assert.rejects(backUp(source, {}, { tools }), { code: 'DUMP_FAILED', message });
          assert.deepEqual(await filesBelow(path), ['backupdata.json']);
        });
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
