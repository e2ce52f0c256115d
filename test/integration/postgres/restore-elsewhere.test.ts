import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { query, sharedPostgres, startPostgres, type TestPostgres } from '../../support/postgres.ts';
import {
  databaseConfig,
  dumpInMemory,
  engineContext,
  type MemoryBackup,
  prepareFromMemory,
  restoreFromMemory,
} from '../../support/postgres-backup.ts';
import { contentOf } from '../../support/postgres-sample.ts';

/** From a server that has another superuser and a tablespace to one that has neither. */
describe('a restore to another PostgreSQL server', () => {
  const engine = createPostgresEngine();
  const superuser = `chief_${process.pid}`;
  let target: TestPostgres;
  let backup: MemoryBackup;
  let content: Record<string, string>;

  before(async () => {
    target = await sharedPostgres();
    const source = await startPostgres({ databaseUser: superuser });
    try {
      await createTablespace(source);
      const url = source.url(await source.createDatabase());
      await query(url, 'CREATE TABLE item (id int) TABLESPACE space; INSERT INTO item VALUES (1)');
      await query(url, `COMMENT ON DATABASE ${new URL(url).pathname.slice(1)} IS 'mine'`);
      const { notes } = await engine.inspect(databaseConfig(url), engineContext());
      assert.deepEqual(notes, ['tablespaces: space']);
      backup = await dumpInMemory(engine, url);
      content = await contentOf(url);
    } finally {
      await source.stop();
    }
  });

  after(async () => {
    await query(target.adminUrl, `DROP ROLE IF EXISTS ${superuser}`);
    await target.stop();
  });

  async function createTablespace({ adminUrl }: TestPostgres, name = 'space'): Promise<void> {
    const [row] = await query<{ path: string }>(
      adminUrl,
      `SELECT current_setting('data_directory') || '_${name}' AS path`,
    );
    await query(adminUrl, `COPY (SELECT 1) TO PROGRAM 'mkdir "${row?.path}"'`);
    await query(adminUrl, `CREATE TABLESPACE ${name} LOCATION '${row?.path}'`);
  }

  it('is refused when the source’s superuser, who owns everything, is not there', async () => {
    const url = target.url(await target.createDatabase());
    await assert.rejects(prepareFromMemory(engine, backup, { url }), {
      code: 'OWNER_MISSING',
      message: new RegExp(superuser),
    });
  });

  it('puts everything into the default tablespace, and says what of the database itself was left out', async () => {
    const url = target.url(target.uniqueName());
    const { notes } = await restoreFromMemory(engine, backup, {
      url,
      options: { create: true, noOwner: true },
    });
    assert.deepEqual(await contentOf(url), content);
    assert.deepEqual(notes, [
      'everything is in the default tablespace, because the server lacks some: space',
      'what belongs to the database itself was left out: comment',
      'owners were left out',
    ]);
  });

  it('does so too where the server has another tablespace', async () => {
    const other = await startPostgres();
    try {
      await createTablespace(other, 'elsewhere');
      const url = other.url(await other.createDatabase());
      await restoreFromMemory(engine, backup, { url, options: { noOwner: true } });
      assert.deepEqual(await contentOf(url), content);
    } finally {
      await other.stop();
    }
  });

  it('with globals makes that superuser', async () => {
    const url = target.url(target.uniqueName());
    await restoreFromMemory(engine, backup, { url, options: { create: true, globals: true } });
    assert.deepEqual(await query(url, "SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'item'"), [
      { owner: superuser },
    ]);
    await query(target.adminUrl, `DROP DATABASE ${new URL(url).pathname.slice(1)}`);
  });
});
