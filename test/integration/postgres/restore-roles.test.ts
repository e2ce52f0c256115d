import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { query, sharedPostgres, type TestPostgres } from '../../support/postgres.ts';
import {
  dumpInMemory,
  type MemoryBackup,
  prepareFromMemory,
  restoreFromMemory,
} from '../../support/postgres-backup.ts';
import { contentOf } from '../../support/postgres-sample.ts';

/** A backup whose roles are gone from the server, as on a new server. */
interface Orphaned {
  backup: MemoryBackup;
  owner: string;
  grantee: string;
  content: Record<string, string>;
}

describe('a restore of a PostgreSQL database whose roles the server lacks', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;

  before(async () => {
    server = await sharedPostgres();
  });

  after(() => server.stop());

  async function orphan({ statements = (_: string, __: string): string => '' } = {}): Promise<Orphaned> {
    const [database, owner, grantee] = [
      await server.createDatabase(),
      server.uniqueName(),
      server.uniqueName(),
    ];
    await query(
      server.adminUrl,
      `CREATE ROLE ${owner} LOGIN CONNECTION LIMIT 7; CREATE ROLE ${grantee}; GRANT ${grantee} TO ${owner}`,
    );
    await query(
      server.adminUrl,
      `COMMENT ON ROLE ${owner} IS 'a; semicolon, and a '' quote'; ALTER ROLE ${owner} SET work_mem = '9MB'`,
    );
    const url = server.url(database);
    await query(
      url,
      `CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1); ALTER TABLE item OWNER TO ${owner}`,
    );
    await query(url, statements(owner, grantee) || 'SELECT 1');
    const [backup, content] = [await dumpInMemory(engine, url), await contentOf(url)];
    await query(server.adminUrl, `DROP DATABASE ${database}`);
    await query(server.adminUrl, `DROP ROLE ${owner}, ${grantee}`);
    return { backup, owner, grantee, content };
  }

  const granted = (_owner: string, grantee: string): string => `GRANT SELECT ON item TO ${grantee}`;

  async function roles(...names: string[]): Promise<string[]> {
    const rows = await query<{ rolname: string }>(server.adminUrl, 'SELECT rolname FROM pg_roles');
    return rows.map(({ rolname }) => rolname).filter((name) => names.includes(name));
  }

  it('is refused, with the missing roles named, before anything is changed', async () => {
    const { backup, owner, grantee } = await orphan({ statements: granted });
    const database = server.uniqueName();
    await assert.rejects(
      prepareFromMemory(engine, backup, { url: server.url(database), options: { create: true } }),
      {
        code: 'OWNER_MISSING',
        message: new RegExp(
          [owner, grantee]
            .sort()
            .map((role) => `"${role}"`)
            .join(', '),
        ),
        hint: /--globals.*--no-owner/,
      },
    );
    assert.deepEqual(
      await query(server.adminUrl, `SELECT FROM pg_database WHERE datname = '${database}'`),
      [],
    );
  });

  it('with globals makes the missing roles with their attributes and memberships', async () => {
    const { backup, owner, grantee, content } = await orphan({ statements: granted });
    const database = server.uniqueName();
    const { notes } = await restoreFromMemory(engine, backup, {
      url: server.url(database),
      options: { create: true, globals: true },
    });
    assert.deepEqual(await contentOf(server.url(database)), content);
    const made = await query(
      server.url(database),
      `SELECT rolcanlogin, rolconnlimit, rolconfig, shobj_description(oid, 'pg_authid') AS comment,
        pg_has_role(rolname, '${grantee}', 'member') AS member, has_table_privilege('${grantee}', 'item', 'select') AS granted
        FROM pg_roles WHERE rolname = (SELECT tableowner FROM pg_tables WHERE tablename = 'item')`,
    );
    assert.deepEqual(made, [
      {
        rolcanlogin: true,
        rolconnlimit: 7,
        rolconfig: ['work_mem=9MB'],
        comment: "a; semicolon, and a ' quote",
        member: true,
        granted: true,
      },
    ]);
    assert.ok(
      notes.some(
        (note) =>
          note.startsWith('roles made on the server: ') && note.includes(owner) && note.includes(grantee),
      ),
    );
    // Roles of other tests on this server may have gone since, and are made again.
    const [bare = ''] = notes.filter((note) => note.startsWith('these have no password yet: '));
    assert.ok(
      bare
        .slice(bare.indexOf(': ') + 2)
        .split(', ')
        .includes(owner),
      bare,
    );
  });

  it('with globals never touches a role that exists', async () => {
    const { backup, owner, grantee } = await orphan({ statements: granted });
    await query(server.adminUrl, `CREATE ROLE ${owner} NOLOGIN CONNECTION LIMIT 3`);
    const target = { url: server.url(server.uniqueName()), options: { create: true, globals: true } };
    const { notes } = await restoreFromMemory(engine, backup, target);
    const facts = `SELECT rolcanlogin, rolconnlimit, pg_has_role(oid, '${grantee}', 'member') AS member FROM pg_roles WHERE rolname = '${owner}'`;
    assert.deepEqual(await query(server.adminUrl, facts), [
      { rolcanlogin: false, rolconnlimit: 3, member: false },
    ]);
    assert.ok(notes.includes(`the existing role ${owner} was not made a member of ${grantee}`));
  });

  it('with globals takes the roles back when the restore fails', async () => {
    const { backup, owner, grantee } = await orphan({ statements: granted });
    const target = { url: server.url(server.uniqueName()), options: { create: true, globals: true } };
    const plan = await prepareFromMemory(engine, backup, target);
    assert.equal((await roles(owner, grantee)).length, 2);
    await plan.undo();
    assert.deepEqual(await roles(owner, grantee), []);
  });

  it('with globals is refused when the backup has none', async () => {
    const { backup } = await orphan();
    const without = {
      ...backup,
      manifest: { ...backup.manifest, parts: backup.manifest.parts.filter(({ kind }) => kind !== 'globals') },
    };
    const target = { url: server.url(await server.createDatabase()), options: { globals: true } };
    await assert.rejects(prepareFromMemory(engine, without, target), {
      code: 'OWNER_MISSING',
      message: /has no globals/,
    });
  });

  it('without owners gives everything to the user who restores, and keeps grants to roles that exist', async () => {
    const { backup, content } = await orphan({ statements: () => 'GRANT SELECT ON item TO PUBLIC' });
    const url = server.url(await server.createDatabase());
    const { notes } = await restoreFromMemory(engine, backup, { url, options: { noOwner: true } });
    assert.deepEqual(await contentOf(url), content);
    const [item] = await query(
      url,
      "SELECT tableowner = current_user AS mine, has_table_privilege('pg_monitor', 'item', 'select') AS granted FROM pg_tables WHERE tablename = 'item'",
    );
    assert.deepEqual(item, { mine: true, granted: true });
    assert.deepEqual(notes, ['owners were left out']);
  });

  it('without owners leaves grants out, and says so, when one is to a role that the server lacks', async () => {
    const { backup, grantee, content } = await orphan({ statements: granted });
    const url = server.url(await server.createDatabase());
    const { notes } = await restoreFromMemory(engine, backup, { url, options: { noOwner: true } });
    assert.deepEqual(await contentOf(url), content);
    assert.match(notes.join('\n'), new RegExp(`all grants were left out.*${grantee}`));
  });

  it('without owners leaves grants out, and says so, when default privileges are of a role that the user is not', async () => {
    const source = server.url(await server.createDatabase());
    await query(
      source,
      'CREATE TABLE item (); ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor',
    );
    const user = server.uniqueName();
    await query(server.adminUrl, `CREATE ROLE ${user} LOGIN CREATEDB PASSWORD 'pw'`);
    const { notes } = await restoreFromMemory(engine, await dumpInMemory(engine, source), {
      url: server.url('postgres', user, 'pw'),
      database: server.uniqueName(),
      options: { create: true, noOwner: true },
    });
    assert.match(notes.join('\n'), /all grants were left out, because default privileges are of roles/);
  });

  it('without owners is refused when a row security policy is for a role that the server lacks', async () => {
    const statements = (_: string, grantee: string): string =>
      `CREATE POLICY p ON item FOR SELECT TO ${grantee} USING (id > 0)`;
    const { backup, grantee } = await orphan({ statements });
    const target = { url: server.url(await server.createDatabase()), options: { noOwner: true } };
    await assert.rejects(prepareFromMemory(engine, backup, target), {
      code: 'OWNER_MISSING',
      message: new RegExp(`policies.*${grantee}`),
    });
  });
});
