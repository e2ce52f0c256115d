import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { connect, query, sharedPostgres, type TestPostgres } from '../../support/postgres.ts';
import {
  dumpInMemory,
  engineContext,
  type MemoryBackup,
  prepareFromMemory,
  restoreFromMemory,
  schemaOf,
} from '../../support/postgres-backup.ts';
import { contentOf, createSample, type Sample } from '../../support/postgres-sample.ts';
import { runStage } from '../../support/stage.ts';
import { until } from '../../support/until.ts';

describe('a restore of a whole PostgreSQL database', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;
  let sample: Sample;
  let backup: MemoryBackup;

  before(async () => {
    server = await sharedPostgres();
    sample = await createSample(server);
    backup = await dumpInMemory(engine, sample.url);
  });

  after(() => server.stop());

  async function assertEqualToSource(database: string): Promise<void> {
    const url = server.url(database);
    assert.deepEqual(await contentOf(url), await contentOf(sample.url));
    assert.equal(await schemaOf(engine, url), await schemaOf(engine, sample.url));
  }

  async function databases(): Promise<string[]> {
    const rows = await query<{ datname: string }>(
      server.adminUrl,
      'SELECT datname FROM pg_database ORDER BY 1',
    );
    return rows.map(({ datname }) => datname);
  }

  /** Its data, cut inside: pg_restore has made the tables when it finds out. */
  function truncated(): MemoryBackup {
    const data = backup.parts.get('data.dump') ?? Buffer.alloc(0);
    return {
      ...backup,
      parts: new Map([...backup.parts, ['data.dump', data.subarray(0, data.length - 20_000)]]),
    };
  }

  it('into an empty database gives the same schema and the same rows', async () => {
    const database = await server.createDatabase();
    const { notes } = await restoreFromMemory(engine, backup, { url: server.url(database) });
    await assertEqualToSource(database);
    assert.deepEqual(notes, []);
  });

  it('to another database than the one in the URL goes to that one', async () => {
    const [named, other] = [await server.createDatabase(), await server.createDatabase()];
    await restoreFromMemory(engine, backup, { url: server.url(named), database: other });
    await assertEqualToSource(other);
    assert.deepEqual(await contentOf(server.url(named)), {
      'large objects': '0 d41d8cd98f00b204e9800998ecf8427e',
    });
  });

  it('with create makes the database with owner, encoding, locale and settings of the source', async () => {
    const database = `${server.uniqueName()} with 'odd" =name`;
    try {
      await restoreFromMemory(engine, backup, { url: server.url(database), options: { create: true } });
      await assertEqualToSource(database);
      const facts = `SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding, datcollate, datctype,
        (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid) AS settings FROM pg_database d WHERE datname = current_database()`;
      const [made] = await query(server.url(database), facts);
      assert.deepEqual(made, (await query(sample.url, facts))[0]);
      assert.deepEqual(made?.settings, ['search_path="$user", sales, public', 'work_mem=8MB']);
    } finally {
      await query(server.adminUrl, `DROP DATABASE IF EXISTS "${database.replaceAll('"', '""')}"`);
    }
  });

  it('with create keeps an encoding and an ICU locale that are not the default', async () => {
    const [icu, latin, restored] = [server.uniqueName(), server.uniqueName(), server.uniqueName()];
    const like = "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    await query(server.adminUrl, `CREATE DATABASE ${icu} LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE' ${like}`);
    await query(server.adminUrl, `CREATE DATABASE ${latin} ENCODING LATIN1 ${like}`);
    for (const database of [icu, latin]) {
      await query(
        server.url(database),
        "CREATE TABLE word (w text); INSERT INTO word VALUES ('å'), ('z'), ('a')",
      );
      const made = await dumpInMemory(engine, server.url(database));
      await restoreFromMemory(engine, made, { url: server.url(restored), options: { create: true } });
      const sorted = `SELECT string_agg(w, '' ORDER BY w) AS words, getdatabaseencoding() AS encoding FROM word`;
      assert.deepEqual(await query(server.url(restored), sorted), await query(server.url(database), sorted));
      await query(server.adminUrl, `DROP DATABASE ${restored}`);
    }
  });

  it('with create says clearly that the target server lacks the locale, and leaves no database', async () => {
    const elsewhere = { ...backup.manifest.restore, collate: 'xx_YY.UTF-8', ctype: 'xx_YY.UTF-8' };
    const foreign = { ...backup, manifest: { ...backup.manifest, restore: elsewhere } };
    const database = server.uniqueName();
    await assert.rejects(
      prepareFromMemory(engine, foreign, { url: server.url(database), options: { create: true } }),
      {
        code: 'RESTORE_FAILED',
        message: /cannot make a database like the source \(encoding UTF8, collate xx_YY\.UTF-8/,
      },
    );
    assert.ok(!(await databases()).includes(database));
  });

  it('that fails drops the database that it created', async () => {
    const database = server.uniqueName();
    const failing = restoreFromMemory(engine, truncated(), {
      url: server.url(database),
      options: { create: true },
    });
    await assert.rejects(failing, /unexpected end of file|could not read/);
    assert.ok(!(await databases()).includes(database));
  });

  it('that is undone drops the database even while something is connected to it', async () => {
    const database = server.uniqueName();
    const plan = await prepareFromMemory(engine, backup, {
      url: server.url(database),
      options: { create: true },
    });
    assert.ok((await databases()).includes(database));
    const connected = assert.rejects(
      query(server.url(database), 'SELECT pg_sleep(60)'),
      /terminating connection/,
    );
    // One that comes later finds no database to connect to.
    await until('something is connected', async () => {
      const sleeping = `SELECT FROM pg_stat_activity WHERE datname = '${database}' AND query ~ '^SELECT pg_sleep'`;
      return (await query(server.adminUrl, sleeping)).length > 0;
    });
    await plan.undo();
    await plan.undo();
    await connected;
    assert.ok(!(await databases()).includes(database));
  });

  it('that fails in an existing database leaves it empty', async () => {
    const database = await server.createDatabase();
    await assert.rejects(
      restoreFromMemory(engine, truncated(), { url: server.url(database) }),
      /unexpected end of file|could not read/,
    );
    await restoreFromMemory(engine, backup, { url: server.url(database) });
    await assertEqualToSource(database);
  });

  it('over a database whose name was typed replaces what the backup has', async () => {
    const database = await server.createDatabase();
    const url = server.url(database);
    await restoreFromMemory(engine, backup, { url });
    await query(
      url,
      'DELETE FROM sales.lines; UPDATE customers SET score = NULL; CREATE TABLE newer (x int)',
    );
    const { notes } = await restoreFromMemory(engine, backup, { url, options: { confirm: database } });
    assert.deepEqual(notes, ['objects of the target that the backup does not have were left as they were']);
    await query(url, 'DROP TABLE newer');
    await assertEqualToSource(database);
  });

  it('puts no password and no URL into the arguments of a program', async () => {
    const database = await server.createDatabase();
    const plan = await prepareFromMemory(engine, backup, { url: server.url(database) });
    const password = new URL(server.adminUrl).password;
    assert.equal(plan.stage.env?.PGPASSWORD, password);
    assert.ok(!plan.stage.args.join(' ').includes(password));
    assert.ok(!plan.stage.args.join(' ').includes('postgres://'));
    await plan.undo();
  });

  it('that is aborted while the server makes the database leaves none', async () => {
    const database = server.uniqueName();
    const controller = new AbortController();
    const context = engineContext({ signal: controller.signal });
    const reason = new Error('enough');
    const blocking = await connect(server.adminUrl);
    await blocking.query("BEGIN; COMMENT ON DATABASE template0 IS 'locked'");
    const target = { url: server.url(database), options: { create: true }, context };
    const prepared = assert.rejects(prepareFromMemory(engine, backup, target), reason);
    await until('the server waits to copy template0', async () => {
      const waiting = `SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE "${database}"%' AND wait_event_type = 'Lock'`;
      return (await query(server.adminUrl, waiting)).length === 1;
    });
    controller.abort(reason);
    await blocking.query('ROLLBACK');
    await blocking.end();
    await prepared;
    assert.ok(!(await databases()).includes(database));
  });

  it('runs every stage to its end when it is given a whole archive, and fails on a cut one', async () => {
    const part = { name: 'data.dump', kind: 'data' as const, volumes: [] };
    const { stage } = (await engine.check(part, backup.manifest, engineContext())) ?? assert.fail();
    const data = backup.parts.get('data.dump') ?? Buffer.alloc(0);
    assert.equal((await runStage(stage, [data])).code, 0);
    assert.equal((await runStage(stage, [data.subarray(0, Math.floor(data.length * 0.99))])).code, 1);
    assert.equal((await runStage(stage, [data.subarray(0, Math.floor(data.length * 0.5))])).code, 1);
    const globals = { name: 'globals.sql', kind: 'globals' as const, volumes: [] };
    assert.equal(await engine.check(globals, backup.manifest, engineContext()), null);
  });
});
