import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import type { Queue } from 'bullmq';
import { schedulesQueue } from '../../src/shared/queues/names.ts';
import { openQueue } from '../../src/shared/queues/queue.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { Secret } from '../../src/shared/secret.ts';
import type { Installation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { withWholeServer } from '../support/server.ts';
import { clientPrograms, commandsOf, connectionTo, openStockShell } from '../support/stock-shell.ts';
import { until } from '../support/until.ts';

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
      const again = await installation.run('restore', 'main.a~2eb', '--to', 'main.again', '--create');
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual(await query(server.url('again'), 'select name from things'), [{ name: 'a.b' }]);
      const metrics = /"metrics":"(http[^"]+)"/.exec(worker.log())?.[1] ?? '';
      const counted = await (await fetch(`${metrics}/metrics`)).text();
      assert.match(counted, /^backup_success_total\{database="main",engine="postgres"\} 6$/m);
      assert.doesNotMatch(counted, /database="main\./);
      assert.equal(await worker.stop(), 0);
    }));

  it('is reached for each of its databases as it is asked itself, and none is taken for another', () =>
    withWholeServer(async ({ installation, server, create, sql, configure }) => {
      for (const name of ['admin', 'shop']) await create(name);
      await sql('create database ".."');
      const url = `${server.adminUrl}?options=-c%20search_path%3Dpublic`;
      await configure({ discover: { url, exclude: ['postgres'] } });
      const worker = await installation.start(['worker']);
      const dots = await installation.run('backup', 'main');
      assert.equal(dots.code, 2);
      assert.match(dots.stderr, /under their names: "\.\." stands for a folder in a URL/);
      await configure({ discover: { url, exclude: ['postgres', '..'] } });
      assert.equal(await worker.stop(), 0);
      const next = await installation.start(['worker']);
      const done = await installation.run('backup', 'main');
      assert.equal(done.code, 0, done.stderr);
      const listed = await installation.run('list', 'main', '--json');
      const names = listed
        .json<{ backups: { database: string }[] }>()
        .backups.map(({ database }) => database);
      assert.deepEqual([...new Set(names)].sort(), ['main.admin', 'main.shop']);
      assert.equal(await next.stop(), 0);
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
        // They may be of the same second.
        listed
          .json<{ backups: { database: string }[] }>()
          .backups.map(({ database }) => database)
          .toSorted(),
        ['main.new', 'main.old'],
      );
      assert.equal(await worker.stop(), 0);
      assert.match(worker.log(), /"vanished":\["main\.old"\]/);
    }));

  it('gives each database a RESTORE.md that works, and proves one backup of each when its schedule is due', () =>
    withWholeServer(async ({ installation, server, create, configure }) => {
      for (const name of ['Shop EU', 'crm']) await create(name);
      await configure({
        discover: { exclude: ['postgres'] },
        verify: { level: 'checksum', schedule: '30 2 1 1 *' },
      });
      const worker = await installation.start(['worker']);
      const serving = await installation.start(['serve']);
      const done = await installation.run('backup');
      assert.equal(done.code, 0, done.stderr);
      await withQueue(installation, async (schedules) => {
        await until('the tick waits', async () => (await schedules.getDelayedCount()) === 1);
        await (await schedules.getDelayed())[0]?.promote();
        await until('both are proven', async () => {
          const keys = await installation.stored();
          return keys.filter((key) => /\.verified-.*-checksum-ok-/.test(key)).length === 2;
        });
      });
      const folder = join(installation.path, 'downloaded');
      await mkdir(folder);
      for (const file of await installation.stored()) {
        if (file.startsWith('main.~53hop~20~45~55/data/'))
          await copyFile(join(installation.backups, file), join(folder, basename(file)));
      }
      const programs = [...clientPrograms, 'zstd'];
      const shell = await openStockShell({ folder, bin: join(installation.path, 'bin'), programs });
      for (const command of await commandsOf(folder)) {
        const ended = await shell.run(command, connectionTo(server));
        assert.equal(ended.code, 0, `${command}\n${ended.stderr}`);
      }
      assert.deepEqual(await query(server.url('restored'), 'select name from things'), [{ name: 'Shop EU' }]);
      assert.equal(await serving.stop(), 0);
      assert.equal(await worker.stop(), 0);
    }));
});

async function withQueue(
  { env, prefix }: Installation,
  use: (schedules: Queue) => Promise<void>,
): Promise<void> {
  const redis = connectRedis({
    url: new Secret(env.REDIS_URL ?? ''),
    role: 'client',
    onError: () => undefined,
  });
  await redis.connect();
  const queue = openQueue(schedulesQueue, { redis, installation: prefix.slice('{backupdata:'.length, -1) });
  try {
    await use(queue);
  } finally {
    await queue.close();
    redis.disconnect();
  }
}
