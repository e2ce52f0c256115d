import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BackupDataError } from '../../../src/shared/errors.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample, describeDatabase } from '../../support/mariadb-sample.ts';

const page = join(import.meta.dirname, '..', '..', '..', 'docs', 'engines', 'mysql.md');

describe('a user of a MariaDB backup', () => {
  let server: TestMariadb;
  let database: string;
  let url: string;

  before(async () => {
    server = await sharedMariadb();
    ({ database, url } = await createSample(server));
  });

  after(() => server.stop());

  /** Makes a user; `grants` are the statements of the documentation, for this database. */
  async function makeUser(change: (grants: string) => string): Promise<{ user: string; url: string }> {
    const user = server.uniqueName();
    const [documented = ''] = /```sql\n([\s\S]*?)```/.exec(await readFile(page, 'utf8'))?.slice(1) ?? [];
    const grants = documented
      .replaceAll("'backup'", `'${user}'`)
      .replaceAll('`shop`', `\`${database}\``)
      .replaceAll("'secret'", "'user-canary'");
    assert.match(grants, /GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON/);
    await statements(server.adminUrl, change(grants));
    // The sample has a view that acts in the name of its user and calls this.
    await statements(server.adminUrl, `GRANT EXECUTE ON FUNCTION ${database}.double_of TO '${user}'@'%';`);
    return { user, url: server.url(database, user, 'user-canary') };
  }

  const backUp = (at: string) => withEngineRun((run) => run.backUp(mariadbSource(at)));

  it('backs everything up with the privileges that are documented, and no more', async () => {
    const { url: narrow } = await makeUser((grants) => grants);
    await withEngineRun(async ({ backUp, restoreTo }) => {
      const manifest = await backUp(mariadbSource(narrow));
      const name = server.uniqueName();
      await restoreTo(manifest, { source: mariadbSource(server.adminUrl), database: name }, { create: true });
      assert.deepEqual(await describeDatabase(server.url(name)), await describeDatabase(url));
    });
  });

  for (const [lacking, change] of Object.entries({
    SELECT: (grants: string) => grants.replace('SELECT, SHOW VIEW', 'SHOW VIEW'),
    'SHOW VIEW': (grants: string) => grants.replace('SHOW VIEW, ', ''),
    TRIGGER: (grants: string) => grants.replace('TRIGGER, ', ''),
    EVENT: (grants: string) => grants.replace(', EVENT', ''),
    'SELECT ON `mysql`.`proc`': (grants: string) => grants.replace(/GRANT SELECT ON `mysql`.*\n/, ''),
  })) {
    it(`is told the statement that it lacks: ${lacking}`, async () => {
      const { user, url: narrow } = await makeUser(change);
      const refusal = await backUp(narrow).then(
        () => assert.fail('it was backed up'),
        (error: unknown) => error,
      );
      assert.ok(refusal instanceof BackupDataError);
      assert.equal(refusal.code, 'DATABASE_PERMISSION');
      const statement = refusal.hint?.replace('As an administrator: ', '') ?? '';
      assert.ok(
        statement.startsWith(`GRANT ${lacking}`) && statement.endsWith(` TO '${user}'@'%';`),
        statement,
      );
      await statements(server.adminUrl, statement);
      await backUp(narrow);
    });
  }

  it('may have them by a role, while that is in force', async () => {
    const role = server.uniqueName();
    const { user, url: narrow } = await makeUser((grants) =>
      grants
        .replaceAll(/(GRANT .*) TO '.*'@'%';/g, `$1 TO ${role};`)
        .replace('GRANT', `CREATE ROLE ${role}; GRANT`),
    );
    await statements(server.adminUrl, `GRANT ${role} TO '${user}'@'%';`);
    await assert.rejects(backUp(narrow), { code: 'DATABASE_PERMISSION' });
    await statements(server.adminUrl, `SET DEFAULT ROLE ${role} FOR '${user}'@'%';`);
    await backUp(narrow);
    await statements(server.adminUrl, `DROP ROLE ${role};`);
  });

  it('needs nothing of what its name and password look like', async () => {
    const user = server.uniqueName();
    const password = ' "p\'#\\n%40;`$(x)\t ';
    await statements(
      server.adminUrl,
      `CREATE USER ${user}@'%' IDENTIFIED BY '${password.replaceAll(/['\\]/g, '\\$&')}'; GRANT ALL ON *.* TO ${user}@'%';`,
    );
    await backUp(server.url(database, user, password));
  });
});
