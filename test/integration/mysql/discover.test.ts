import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Installation, withInstallation } from '../../support/installation.ts';
import { startMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { statements } from '../../support/mariadb-client.ts';

describe('a whole MariaDB', () => {
  it('is backed up database by database, whatever they are called, and one restores under another name', () =>
    withWholeServer(async ({ installation, server, create, configure }) => {
      const odd = ['Shop EU', 'naïve', 'a.b', 'x/y', 'per%cent', 'tick`s', "o'clock"];
      // Like the server's own, and not them.
      for (const name of [...odd, 'SYS', 'mýsql']) await create(name);
      // As a drill that died leaves it.
      await create('bkd_drill_1abc_aaaaaa');
      await configure({});
      const worker = await installation.start(['worker']);
      const done = await installation.run('backup', 'main', '--json');
      assert.equal(done.code, 0, done.stderr);
      const { runs } = done.json<{ runs: { database: string; outcome: string }[] }>();
      assert.deepEqual(
        runs.map(({ database }) => database),
        [
          'main.a~2eb',
          'main.m~c3~bdsql',
          'main.na~c3~afve',
          'main.o~27clock',
          'main.per~25cent',
          'main.tick~60s',
          'main.x~2fy',
          'main.~53hop~20~45~55',
          'main.~53~59~53',
        ],
      );
      assert.ok(runs.every(({ outcome }) => outcome === 'committed'));
      for (const [folder, name] of [
        ['main.~53hop~20~45~55', 'Shop EU'],
        ['main.tick~60s', 'tick`s'],
      ] as const) {
        const restored = await installation.run('restore', folder, '--to', `${folder}/an other`, '--create');
        assert.equal(restored.code, 0, restored.stderr);
        assert.deepEqual(await statements(server.url('an other'), 'SELECT name FROM things'), [[name]]);
        await statements(server.adminUrl, 'DROP DATABASE `an other`');
      }
      assert.equal(await worker.stop(), 0);
    }));

  it('is asked anew each time: new databases are found, dropped ones are told, patterns leave out', () =>
    withWholeServer(async ({ installation, server, create, configure }) => {
      for (const name of ['shop_old', 'shop_scratch', 'crm']) await create(name);
      await configure({ include: ['shop*'], exclude: ['*_scratch'] });
      const worker = await installation.start(['worker']);
      const first = await installation.run('backup', 'main');
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stderr, /^main: 1 database: main\.shop_old$/m);
      await statements(server.adminUrl, 'DROP DATABASE shop_old');
      await create('shop_new');
      const second = await installation.run('backup', 'main');
      assert.equal(second.code, 0, second.stderr);
      assert.match(second.stderr, /^main: 1 database: main\.shop_new$/m);
      assert.match(second.stderr, /^no longer on the server: main\.shop_old \(its backups are kept\)$/m);
      assert.equal(await worker.stop(), 0);
    }));

  it('is refused to a user from whom it would hide databases, until the user may see all', () =>
    withWholeServer(async ({ installation, server, create, configure }) => {
      for (const name of ['crm', 'hidden']) await create(name);
      await statements(
        server.adminUrl,
        `CREATE USER narrow@'%' IDENTIFIED BY 'narrow-user';
         GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON crm.* TO narrow@'%';
         GRANT SELECT ON mysql.proc TO narrow@'%';`,
      );
      await configure({ url: server.url('', 'narrow', 'narrow-user'), exclude: ['hidden'] });
      const worker = await installation.start(['worker']);
      const refused = await installation.run('backup', 'main');
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /shows user "narrow" only some of its databases/);
      assert.match(refused.stderr, /GRANT SHOW DATABASES ON \*\.\* TO 'narrow'@'%'/);
      await statements(server.adminUrl, "GRANT SHOW DATABASES ON *.* TO narrow@'%'");
      const done = await installation.run('backup', 'main');
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stderr, /^main: 1 database: main\.crm$/m);
      assert.equal(await worker.stop(), 0);
    }));
});

interface WholeServer {
  installation: Installation;
  server: TestMariadb;
  /** Makes a database of exactly that name, with a table `things` of one row: the name. */
  create(name: string): Promise<void>;
  /** Writes the configuration; `discover` as it is written there. */
  configure(discover: Record<string, unknown>): Promise<void>;
}

/** A MariaDB of its own, because all of its databases are looked at. */
async function withWholeServer(use: (whole: WholeServer) => Promise<void>): Promise<void> {
  const server = await startMariadb();
  try {
    await withInstallation((installation) =>
      use({
        installation,
        server,
        create: async (name) => {
          await statements(server.adminUrl, `CREATE DATABASE \`${name.replaceAll('`', '``')}\``);
          await statements(server.url(name), 'CREATE TABLE things AS SELECT DATABASE() AS name');
        },
        configure: (discover) =>
          installation.configure({
            databases: { main: { engine: 'mariadb', discover: { url: server.adminUrl, ...discover } } },
          }),
      }),
    );
  } finally {
    await server.stop();
  }
}
