import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { query, sharedPostgres, type TestPostgres } from '../../support/postgres.ts';
import { dumpInMemory, type MemoryBackup, prepareFromMemory } from '../../support/postgres-backup.ts';

describe('a restore to PostgreSQL is refused', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;
  let source: string;
  let backup: MemoryBackup;

  before(async () => {
    server = await sharedPostgres();
    source = await server.createDatabase();
    await query(server.url(source), 'CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)');
    backup = await dumpInMemory(engine, server.url(source));
  });

  after(() => server.stop());

  const contents: Record<string, [string, RegExp]> = {
    'a table': ['CREATE TABLE t ()', /1 tables, views and sequences/],
    'a view in another schema': [
      'CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1',
      /1 tables, views and sequences, 1 schemas/,
    ],
    'a type': ['CREATE TYPE t AS ENUM ()', /holds 1 types/],
    'a function': ["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", /holds 1 functions/],
    'a schema': ['CREATE SCHEMA s', /holds 1 schemas/],
    'a large object': ['SELECT lo_create(0)', /holds 1 large objects/],
    'an extension': ['CREATE EXTENSION pgcrypto', /holds 1 extensions/],
  };

  for (const [what, [sql, message]] of Object.entries(contents)) {
    it(`when the target holds ${what}`, async () => {
      const database = await server.createDatabase();
      await query(server.url(database), sql);
      await assert.rejects(prepareFromMemory(engine, backup, { url: server.url(database) }), {
        code: 'TARGET_NOT_EMPTY',
        message,
        hint: new RegExp(`--create.*--confirm ${database}`),
      });
    });
  }

  it('when the target is the very database that the backup was made of', async () => {
    await assert.rejects(prepareFromMemory(engine, backup, { url: server.url(source) }), {
      code: 'TARGET_NOT_EMPTY',
      message: new RegExp(`"${source}" at 127.0.0.1:${server.port} is the very database`),
    });
    assert.deepEqual(await query(server.url(source), 'SELECT id FROM item'), [{ id: 1 }]);
  });

  it('when another name than the target was typed, even if the target is empty', async () => {
    const database = await server.createDatabase();
    const target = { url: server.url(database), options: { confirm: source } };
    await assert.rejects(prepareFromMemory(engine, backup, target), {
      code: 'TARGET_NOT_EMPTY',
      message: new RegExp(`"${source}" was typed as confirmation, and the target is "${database}"`),
    });
  });

  it('with create when the database exists, and leaves it alone', async () => {
    const database = await server.createDatabase();
    await assert.rejects(
      prepareFromMemory(engine, backup, { url: server.url(database), options: { create: true } }),
      {
        code: 'TARGET_EXISTS',
        hint: /leave out --create/,
      },
    );
    assert.deepEqual(await query(server.url(database), 'SELECT 1 AS alive'), [{ alive: 1 }]);
  });

  it('without create when the database is not there', async () => {
    const missing = server.uniqueName();
    await assert.rejects(prepareFromMemory(engine, backup, { url: server.url(missing) }), {
      code: 'DATABASE_MISSING',
      message: new RegExp(missing),
      hint: /--create/,
    });
  });

  it('when the user may not make a database', async () => {
    const [user, database] = [server.uniqueName(), server.uniqueName()];
    await query(server.adminUrl, `CREATE ROLE ${user} LOGIN PASSWORD 'pw'`);
    const target = { url: server.url(database, user, 'pw'), options: { create: true } };
    await assert.rejects(prepareFromMemory(engine, backup, target), { code: 'DATABASE_PERMISSION' });
  });

  it('when no pg_restore here is as new as the one that the archive needs', async () => {
    const newer = { ...backup.manifest, restore: { ...backup.manifest.restore, minToolVersion: '99' } };
    const database = await server.createDatabase();
    await assert.rejects(
      prepareFromMemory(engine, { ...backup, manifest: newer }, { url: server.url(database) }),
      {
        code: 'TOOL_TOO_OLD',
        message: /^the backup was made with pg_dump 99, the newest pg_dump here is \d+$/,
        hint: /apt-get install postgresql-client-99/,
      },
    );
  });
});
