import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow, withFolder } from '../../support/folder.ts';
import { redisSource, withRedisServer } from '../../support/redis-restored.ts';
import { contentOf, fillSample, withRedis } from '../../support/redis-sample.ts';
import { commandsOf, openStockShell, type StockShell } from '../../support/stock-shell.ts';

const programs = ['zstd', 'redis-check-rdb', 'redis-server', 'redis-cli', 'head', 'tail', 'tr', 'sleep'];

describe('RESTORE.md of Redis, followed to the letter with stock tools alone', () => {
  it('shows the backup, starts a server from it that holds everything, and stops at a flipped byte', () =>
    withRedisServer(async (redis) => {
      await fillSample(redis.url);
      await withEngineRun((run) =>
        withFolder(async (folder) => {
          await run.backUp(redisSource(redis.url));
          const shell = await stockShell(run.path, folder);
          const [show = '', ...restore] = await commandsOf(shell.folder);
          const shown = await shell.run(show);
          assert.match(shown.stdout, /^REDIS0\d+.*redis-ver.*\d+\.\d+\.\d+/, shown.stderr);
          try {
            for (const command of restore) {
              const ended = await shell.run(command);
              assert.equal(ended.code, 0, `${command}\n${ended.stdout}\n${ended.stderr}`);
            }
            assert.deepEqual(
              await contentOf(join(shell.folder, 'restored.sock')),
              await contentOf(redis.url),
            );
          } finally {
            await shell.run('redis-cli -s restored.sock SHUTDOWN NOSAVE');
          }
          await flipByteIn(join(shell.folder, 'data.rdb.zst'));
          const damaged = await shell.run(show);
          assert.notEqual(damaged.code, 0);
          assert.doesNotMatch(damaged.stdout, /REDIS/);
        }),
      );
    }));

  it('starts one with many databases in a folder of a long path, and shows why one did not start', () =>
    withRedisServer(
      async (redis) => {
        await withRedis(redis.url, 40, (own) => own.set('name', 'value'));
        await withEngineRun((run) =>
          withFolder(async (folder) => {
            await run.backUp(redisSource(redis.url));
            const shell = await stockShell(run.path, folder, 'long'.repeat(25));
            const [, ...restore] = await commandsOf(shell.folder);
            const results = [];
            for (const command of restore) results.push(await shell.run(command));
            const stopped = await shell.run('redis-cli -s restored.sock SHUTDOWN NOSAVE');
            assert.match(results.at(-1)?.stdout ?? '', /^db40:keys=1/m, JSON.stringify(results));
            assert.equal(stopped.code, 0, stopped.stderr);
            await writeFile(join(shell.folder, 'restored.rdb'), 'REDIS0010 and no more');
            for (const command of restore.slice(-2)) results.push(await shell.run(command));
            assert.match(results.at(-1)?.stdout ?? '', /Unrecoverable error/, JSON.stringify(results));
          }),
        );
      },
      ['--databases', '64'],
    ));
});

async function stockShell(backups: string, folder: string, name = 'downloaded'): Promise<StockShell> {
  const downloaded = join(folder, name);
  await mkdir(downloaded);
  for (const file of (await filesBelow(backups)).filter((each) => each.includes('/data/')))
    await copyFile(join(backups, file), join(downloaded, basename(file)));
  return openStockShell({ folder: downloaded, bin: join(folder, 'bin'), programs });
}

async function flipByteIn(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(path, bytes);
}
