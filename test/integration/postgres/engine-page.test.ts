import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { withInstallation } from '../../support/installation.ts';
import { query, startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { databaseConfig } from '../../support/postgres-backup.ts';
import { loadText } from '../../unit/shared/config/load-text.ts';

const page = await readFile(join(import.meta.dirname, '../../../docs/engines/postgres.md'), 'utf8');

it('with the privileges of docs/engines/postgres.md a backup is whole, and without any of them it is refused', () =>
  withShop(async (server) => {
    const [create = '', bypass = '', largeObjects = '', ...others] = blocksOf('### To back up', 'sql');
    assert.deepEqual(others, [], 'statements that nothing runs');
    const [role = '', grant = '', ...more] = create.split('\n').filter((line) => line !== '');
    assert.deepEqual(more, []);
    const source = databaseConfig(server.url('shop', 'backup', 'change-me'));
    const admin = server.url('shop');

    await withEngineRun(async (run) => {
      for (const [statement, refusal] of [
        [role, /may not read all of database "shop".*public\.item/],
        [grant, /may not read all of database "shop".*public\.secret/],
        [bypass, /permission denied for large object/],
      ] as const) {
        await query(admin, statement);
        await assert.rejects(run.backUp(source), { code: 'DATABASE_PERMISSION', message: refusal });
      }
      await query(admin, largeObjects);
      const manifest = await run.backUp(source);
      assert.deepEqual(
        manifest.parts.map(({ name }) => name),
        ['data.dump', 'globals.sql', 'RESTORE.md'],
      );

      const restorer = server.url('postgres', 'restore', 'change-me');
      const target = { source: databaseConfig(restorer), database: 'shop_again' };
      const restoring = { create: true, noOwner: true };
      const [restore = ''] = blocksOf('### To restore', 'sql');
      assert.ok(restore.includes(' CREATEDB;'), restore);
      await query(admin, restore.replace(' CREATEDB', ''));
      await assert.rejects(run.restoreTo(manifest, target, restoring), { code: 'DATABASE_PERMISSION' });
      await query(admin, 'DROP ROLE restore');
      await query(admin, restore);
      await run.restoreTo(manifest, target, restoring);
      assert.deepEqual(await contentOf(server.url('shop_again')), await contentOf(admin));
      assert.deepEqual(manifest.notes, [
        'subscriptions that are not in this backup, because only a superuser may dump them: feed',
      ]);
    });
  }));

it('the commands of docs/engines/postgres.md restore, and its roles are enough for a drill', () =>
  withShop(async (server) => {
    const statements = [...blocksOf('### To back up', 'sql'), ...blocksOf('### To restore', 'sql')];
    for (const statement of statements) await query(server.url('shop'), statement);
    await withInstallation(async ({ configure, start, run }) => {
      await configure({
        databases: {
          shop: {
            engine: 'postgres',
            url: server.url('shop', 'backup', 'change-me'),
            verify: { counts: 'exact', target: 'lab' },
          },
          lab: { engine: 'postgres', url: server.url('postgres', 'restore', 'change-me') },
        },
      });
      await start(['worker']);
      const made = await run('backup', 'shop');
      assert.equal(made.code, 0, made.stderr);
      const drilled = await run('verify', 'shop', '--level', 'restore');
      assert.equal(drilled.code, 0, drilled.stderr);
      const [commands = ''] = blocksOf('## Restore', 'sh');
      // As the page says, who keeps owners is a superuser.
      await configure({ databases: { shop: { engine: 'postgres', url: server.url('shop') } } });
      for (const line of commands.trim().split('\n')) {
        const [program, ...args] = line.split(' ');
        assert.equal(program, 'backupdata');
        const { code, stderr } = await run(...args, '--here');
        assert.equal(code, 0, `${line}: ${stderr}`);
      }
      assert.deepEqual(await contentOf(server.url('shop_copy')), await contentOf(server.url('shop')));
    });
  }));

it('the options of docs/engines/postgres.md load', async () => {
  const [entry = '', ...others] = blocksOf('## What is left out on request', 'yaml');
  assert.deepEqual(others, []);
  const text = `storages: { main: { type: local, path: /backups } }\ndatabases:\n${entry.replaceAll(/^/gm, '  ')}`;
  const { databases } = await loadText(text, { env: { SHOP_URL: 'postgres://h/shop' } });
  const shop = databases.get('shop');
  assert.ok(shop?.engine === 'postgres' && shop.lockTimeout === 30_000);
});

/** A server of its own, because the page's names of roles are used as they are. */
async function withShop(use: (server: TestPostgres) => Promise<void>): Promise<void> {
  const server = await startPostgres();
  try {
    await query(server.adminUrl, 'CREATE DATABASE shop TEMPLATE template0');
    await query(
      server.url('shop'),
      `CREATE TABLE item AS SELECT generate_series(1, 3) AS id;
       CREATE TABLE secret AS SELECT generate_series(1, 5) AS id; ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
       CREATE POLICY none ON secret USING (false); CREATE SEQUENCE number; SELECT nextval('number');
       SELECT lo_from_bytea(0, 'a large object');
       CREATE SUBSCRIPTION feed CONNECTION 'dbname=nowhere' PUBLICATION news WITH (connect = false)`,
    );
    await use(server);
  } finally {
    await server.stop();
  }
}

function contentOf(url: string) {
  return query(
    url,
    `SELECT (SELECT count(*) FROM item) AS items, (SELECT count(*) FROM secret) AS secrets,
       (SELECT last_value FROM number) AS number, array(SELECT lo_get(oid)::text FROM pg_largeobject_metadata) AS objects`,
  );
}

/** The blocks of one language below a heading, up to the next heading of its kind or a higher one. */
function blocksOf(heading: string, language: string): string[] {
  const level = heading.split(' ', 1).join('').length;
  const after = page.split(`\n${heading}\n`)[1] ?? '';
  const section = after.split(new RegExp(`^#{2,${level}} `, 'm'), 1).join('');
  const blocks = [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  return blocks.map((match) => match[1] ?? '');
}
