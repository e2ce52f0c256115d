import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { quickDump, redisSource } from '../../support/redis-restored.ts';
import { withRedis } from '../../support/redis-sample.ts';
import { until } from '../../support/until.ts';

const get = ({ url }: TestRedis) => withRedis(url, 0, (redis) => redis.get('name'));

describe('a restored file and an append-only file', () => {
  it('goes as the page and the notes of a restore say: ignored at a start with one, kept when it is turned on later', () =>
    withEngineRun(async ({ path, backUp, restoreTo }) => {
      const source = await startRedis({ args: quickDump });
      const file = join(path, 'restored.rdb');
      try {
        await withRedis(source.url, 0, (redis) => redis.set('name', 'value'));
        await restoreTo(
          await backUp(redisSource(source.url)),
          { source: null, database: file },
          { create: true },
        );
      } finally {
        await source.stop();
      }
      await copyFile(file, join(path, 'ignored.rdb'));
      assert.equal(await started(path, 'ignored', { appendonly: true }, get), null);
      await copyFile(file, join(path, 'later.rdb'));
      await started(path, 'later', {}, async (server) => {
        assert.equal(await get(server), 'value');
        await withRedis(server.url, 0, (redis) => redis.config('SET', 'appendonly', 'yes'));
        await until('the append-only file is written', async () => isWritten(server));
      });
      await rm(join(path, 'later.rdb'));
      assert.equal(await started(path, 'later', { appendonly: true }, get), 'value');
    }));
});

async function isWritten({ url }: TestRedis): Promise<boolean> {
  const persistence = await withRedis(url, 0, (redis) => redis.info('persistence'));
  return ['aof_enabled:1', 'aof_rewrite_in_progress:0', 'aof_rewrite_scheduled:0'].every((state) =>
    persistence.includes(state),
  );
}

/** A server whose files have that name. */
async function started<T>(
  path: string,
  name: string,
  options: { appendonly?: boolean },
  use: (server: TestRedis) => Promise<T>,
): Promise<T> {
  const args = ['--dir', path, '--dbfilename', `${name}.rdb`, '--appenddirname', name];
  const server = await startRedis({ ...options, args });
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}
