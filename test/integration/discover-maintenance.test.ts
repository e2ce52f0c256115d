import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { filesBelow } from '../support/folder.ts';
import type { Installation } from '../support/installation.ts';
import { type WholeServer, withWholeServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const odd = 'main.~53hop~20~45~55';

describe('the backups of a server', () => {
  it('are copied, proven and retired as those of any database, each database by itself', () =>
    withTwoDatabases(async ({ installation }) => {
      const worker = await installation.start(['worker']);
      await backUp(installation);
      await until('copies and proofs are there', async () => {
        const keys = await filesBelow(join(installation.path, 'second'));
        const proven = (await installation.stored()).filter((key) => /\.verified-.*-decode-ok-/.test(key));
        return keys.filter((key) => key.endsWith('.json')).length >= 3 && proven.length === 2;
      });
      await backUp(installation);
      // Follow-ups retire by themselves once the new backup is proven.
      await until('the first of each is retired', async () => (await idsOf(installation)).length === 2);
      const shown = await installation.run('show', odd, '--json');
      const { copies } = shown.json<{ copies: { storage: string }[] }>();
      assert.deepEqual(
        copies.map(({ storage }) => storage),
        ['second'],
      );
      assert.equal(await worker.stop(), 0);
    }));

  it('are pruned and verified by name, for one database or the whole server', () =>
    withTwoDatabases(async ({ installation, configure }) => {
      await configure({ discover: { exclude: ['postgres'] } }, storages(installation));
      const worker = await installation.start(['worker']);
      for (let round = 0; round < 2; round += 1) await backUp(installation);
      assert.equal((await idsOf(installation)).length, 4);
      assert.equal(await worker.stop(), 0);

      await configure({ discover: { exclude: ['postgres'] }, ...retention }, storages(installation));
      const next = await installation.start(['worker']);
      const previews = await Promise.all(
        [[], ['main'], [odd]].map((names) => installation.run('prune', ...names, '--json')),
      );
      const counts = previews.map(({ stdout }) => stdout.match(/"decision": "retire"/g)?.length);
      assert.deepEqual(counts, [2, 2, 1]);
      const second = join(installation.path, 'second');
      await rename(second, `${second}-away`);
      await symlink('second', second);
      await configure(
        { discover: { exclude: ['postgres'] }, copies: ['second'], ...retention },
        storages(installation),
      );
      const unread = await installation.run('prune', 'main', '--storage', 'second');
      assert.equal(unread.code, 5, unread.stderr);
      await rm(second);
      await rename(`${second}-away`, second);
      await configure({ discover: { exclude: ['postgres'] }, ...retention }, storages(installation));
      const one = await installation.run('prune', odd, '--confirm');
      assert.equal(one.code, 0, one.stderr);
      const rest = await installation.run('prune', 'main', '--confirm');
      assert.equal(rest.code, 0, rest.stderr);
      assert.equal((await idsOf(installation)).length, 2);
      const verified = await installation.run('verify', odd);
      assert.equal(verified.code, 0, verified.stderr);
      const drill = await installation.run('verify', odd, '--level', 'restore', '--target', 'main.postgres');
      assert.match(drill.stderr, /there is no database "main\.postgres"/, 'it is left out');
      const held = await installation.run('verify', odd, '--level', 'restore', '--target', 'main.crm');
      assert.equal(held.code, 0, held.stderr);
      assert.equal(await next.stop(), 0);
    }));

  it('leave nothing of a database behind that never had one, and nothing of another server is touched', () =>
    withTwoDatabases(async ({ installation }) => {
      const worker = await installation.start(['worker']);
      await backUp(installation);
      const old = new Date('2026-01-02T03:04:05Z');
      await Promise.all(
        ['main.gone', 'main.~47one', 'mainly.gone', 'main', 'main.postgres'].map((database) =>
          leavePart(installation, database, old),
        ),
      );
      await leavePart(installation, 'main.young', new Date());
      const pruned = await installation.run('prune', 'main', '--confirm');
      assert.equal(pruned.code, 0, pruned.stderr);
      const parts = (await installation.stored()).filter((key) => key.endsWith('/orphan.dump.zst'));
      assert.deepEqual(
        parts.map((key) => key.split('/')[0]).sort(),
        ['main', 'main.postgres', 'main.young', 'mainly.gone'],
        'main.postgres is left out of the server',
      );
      assert.equal(await worker.stop(), 0);
    }));

  it('are asked for by a server that check examines, and the hints of the command line know it', () =>
    withTwoDatabases(async ({ installation, configure, sql }) => {
      const worker = await installation.start(['worker']);
      const check = await installation.run('check');
      assert.equal(check.code, 0, check.stdout);
      assert.match(check.stdout, /server main\s+backs up main\.crm, main\.~53hop~20~45~55/);
      const unknown = await installation.run('backup', 'mian');
      assert.equal(unknown.code, 3);
      assert.match(unknown.stderr, /It has main\./);
      const spelt = await installation.run('backup', 'main.Shop EU');
      assert.equal(spelt.code, 3);
      assert.match(spelt.stderr, /On the server main it is called main\.~53hop~20~45~55:/);
      const left = await installation.run('backup', 'main.postgres');
      assert.match(left.stderr, /`discover\.exclude` of main: they leave it out/);
      const shown = await installation.run('show', 'main.Shop EU');
      assert.match(shown.stderr, /Did you mean main\.~53hop~20~45~55\?/);
      const latest = await installation.run('show', 'main');
      assert.equal(latest.code, 3);
      assert.match(latest.stderr, /"main" is a server, and a backup is of one database/);
      const target = await installation.run('restore', odd, '--to', 'main');
      assert.match(target.stderr, /Name a database on it: main\.DATABASE/);
      const completed = await installation.run('--get-yargs-completions', 'backupdata', 'backup', '');
      assert.match(completed.stdout, /^main$/m);
      await sql(`create database "${'Ü'.repeat(31)}"`);
      const long = await installation.run('check');
      assert.match(long.stdout, /server main\s+the name of its database\s+"Ü+" is too long to be\s+stored/);
      assert.equal(long.code, 2);
      const refused = await installation.run('backup', 'main');
      assert.equal(refused.code, 2);
      assert.match(
        refused.stderr,
        /under their names: "Ü+" is too long to be stored; the runs of the others are enqueued/,
      );
      await until('the others are backed up', async () => (await idsOf(installation)).length === 2);
      await configure({ discover: { include: ['none'] } });
      const none = await installation.run('check');
      assert.match(none.stdout, /its database "none", which `discover.include`\s+names,\s+is missing/);
      assert.match(none.stdout, /it has no database that would be backed\s+up/);
      assert.equal(await worker.stop(), 0);
    }));
});

const retention = { retention: { last: 1 } };

function storages({ path, backups }: Installation) {
  const place = (folder: string) => ({ type: 'local', path: folder });
  return {
    storages: { main: place(backups), second: place(join(path, 'second')) },
    defaults: { storage: 'main' },
  };
}

/** What a dead attempt left in a storage. */
async function leavePart({ backups }: Installation, database: string, at: Date): Promise<void> {
  const folder = `${database}/data/${database}-20260102T030405Z-abcdef/aabcdefgh`;
  const file = join(backups, folder, 'orphan.dump.zst');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, 'part');
  await utimes(file, at, at);
}

/** Two databases, copied to `second`, the latest backup of each kept. */
async function withTwoDatabases(use: (whole: WholeServer) => Promise<void>): Promise<void> {
  await withWholeServer(async (whole) => {
    const { installation, create, configure } = whole;
    await mkdir(join(installation.path, 'second'));
    for (const name of ['Shop EU', 'crm']) await create(name);
    await configure(
      { discover: { exclude: ['postgres'] }, copies: ['second'], ...retention },
      storages(installation),
    );
    await use(whole);
  });
}

async function backUp({ run }: Installation): Promise<void> {
  const done = await run('backup', 'main');
  assert.equal(done.code, 0, done.stderr);
}

async function idsOf({ run }: Installation): Promise<string[]> {
  const listed = await run('list', 'main', '--storage', 'main', '--json');
  return listed.json<{ backups: { backupId: string }[] }>().backups.map(({ backupId }) => backupId);
}
