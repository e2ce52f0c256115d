import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { createDriller } from '../../support/drill.ts';
import { withInstallation } from '../../support/installation.ts';
import { query } from '../../support/postgres.ts';
import { clientPrograms, commandsOf, connectionTo, openStockShell } from '../../support/stock-shell.ts';

it('a selection is proven by a drill with counts, told by show and RESTORE.md, and restored with stock tools', () =>
  withInstallation(async ({ postgres, path, backups, configure, start, run, stored }) => {
    const url = postgres.url(await postgres.createDatabase());
    await query(
      url,
      `CREATE SCHEMA app; CREATE SCHEMA scratch; CREATE TYPE app.level AS ENUM ('low'); COMMENT ON TYPE app.level IS 'of an item';
       CREATE FUNCTION app.rank(app.level) RETURNS integer LANGUAGE sql AS 'SELECT 1';
       CREATE TABLE app.item AS SELECT generate_series(1, 7) AS id, 'low'::app.level AS level;
       CREATE TABLE app.log (id serial); INSERT INTO app.log DEFAULT VALUES; INSERT INTO app.log DEFAULT VALUES;
       CREATE TABLE app.import AS SELECT 1 AS id; CREATE TABLE scratch.note AS SELECT 1 AS id`,
    );
    const options = {
      schemas: { exclude: ['scratch'] },
      tables: { exclude: ['app.import'], excludeData: ['app.log'] },
      extraArguments: ['--quote-all-identifiers'],
    };
    const notes = [
      'a selection: schemas that are not in this backup, with all they hold: scratch',
      'a selection: tables, views and sequences that are not in this backup: app.import',
      'a selection: without their rows: app.log',
      'dumped with --quote-all-identifiers',
    ];
    const driller = await createDriller(postgres);
    const databases = {
      shop: { engine: 'postgres', url, verify: { counts: 'exact', target: 'lab' } },
      lab: { engine: 'postgres', url: driller.url },
    };
    await configure({ databases: { ...databases, shop: { ...databases.shop, ...options } } });
    await start(['worker']);
    for (const args of [
      ['backup', 'shop'],
      ['verify', 'shop', '--level', 'restore'],
    ]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 0, stderr);
    }
    const shown = (await run('show', 'shop')).stdout.replaceAll(/\s+/g, ' ');
    for (const note of notes) assert.ok(shown.includes(note), shown);

    const instructions = (await stored()).find((key) => key.endsWith('RESTORE.md')) ?? '';
    const text = await readFile(join(backups, instructions), 'utf8');
    for (const note of notes) assert.ok(text.includes(`\n- ${note}\n`), text);
    const folder = join(backups, instructions, '..');
    const programs = [...clientPrograms, 'zstd'];
    const shell = await openStockShell({ folder, bin: join(path, 'bin'), programs });
    const target = postgres.uniqueName();
    for (const command of await commandsOf(folder)) {
      const ended = await shell.run(command, { ...connectionTo(postgres), TARGET: target });
      assert.equal(ended.code, 0, `${command}\n${ended.stderr}`);
    }
    const [row] = await query(
      postgres.url(target),
      `SELECT (SELECT count(*)::int FROM app.item) AS items, (SELECT count(*)::int FROM app.log) AS logged,
         nextval('app.log_id_seq')::int AS next, to_regclass('app.import') AS import, to_regclass('scratch.note') AS note`,
    );
    assert.deepEqual(row, { items: 7, logged: 0, next: 3, import: null, note: null });
  }));
