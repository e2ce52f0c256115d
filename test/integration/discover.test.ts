import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { query } from '../support/postgres.ts';
import { withWholeServer } from '../support/server.ts';

interface Backed {
  runs: { database: string; backupId: string; outcome: string; error: { code: string } | null }[];
  vanished: string[];
}

const longest = 'x'.repeat(63);

describe('a whole server', () => {
  it('is backed up database by database, whatever they are called, and each restores', () =>
    withWholeServer(async ({ installation, server, create, sql, configure }) => {
      for (const name of ['Shop EU', 'naïve', 'a.b', 'x/y', longest]) await create(name);
      await sql('create database locked allow_connections false');
      await sql('create database pattern is_template true');
      await configure();
      const worker = await installation.start(['worker']);
      const done = await installation.run('backup', 'main', '--json');
      assert.equal(done.code, 0, done.stderr);
      const { runs, vanished } = done.json<Backed>();
      assert.deepEqual(vanished, []);
      assert.deepEqual(
        runs.map(({ database }) => database),
        [
          'main.a~2eb',
          'main.na~c3~afve',
          'main.postgres',
          `main.${longest}`,
          'main.x~2fy',
          'main.~53hop~20~45~55',
        ],
      );
      assert.ok(runs.every(({ outcome }) => outcome === 'committed'));
      for (const [folder, name] of [
        ['main.~53hop~20~45~55', 'Shop EU'],
        ['main.na~c3~afve', 'naïve'],
        ['main.x~2fy', 'x/y'],
      ] as const) {
        const target = `${folder}/restored ${name.slice(0, 1)}`;
        const restored = await installation.run('restore', folder, '--to', target, '--create');
        assert.equal(restored.code, 0, restored.stderr);
        const rows = await query(server.url(`restored ${name.slice(0, 1)}`), 'select name from things');
        assert.deepEqual(rows, [{ name }]);
      }
      assert.equal(await worker.stop(), 0);
    }));

  it('is asked anew each time: new databases are found, dropped ones are told and keep their backups', () =>
    withWholeServer(async ({ installation, create, sql, configure }) => {
      await create('old');
      await create('left_out');
      await configure({ discover: { exclude: ['postgres', 'left*'] } });
      const worker = await installation.start(['worker']);
      const first = await installation.run('backup', 'main');
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stderr, /^main: 1 database: main\.old$/m);
      await sql('drop database old');
      await create('new');
      const second = await installation.run('backup', '--all');
      assert.equal(second.code, 0, second.stderr);
      assert.match(second.stderr, /^no longer on the server: main\.old \(its backups are kept\)$/m);
      assert.match(second.stdout, /^main\.new-\S+ {2}/);
      const listed = await installation.run('list', 'main', '--json');
      assert.deepEqual(
        listed.json<{ backups: { database: string }[] }>().backups.map(({ database }) => database),
        ['main.new', 'main.old'],
      );
      assert.equal(await worker.stop(), 0);
      assert.match(worker.log(), /"vanished":\["main\.old"\]/);
    }));
});
