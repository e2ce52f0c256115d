import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { withEngineRun } from '../../support/engine-run.ts';
import { redisSource, withRedisServer, withRestored } from '../../support/redis-restored.ts';
import { withRedis } from '../../support/redis-sample.ts';
import { until } from '../../support/until.ts';

const run = promisify(execFile);

describe('a Redis that is being dumped by somebody else', () => {
  it('gives a backup what was written since that began', () =>
    withRedisServer(
      ({ url, port }) =>
        withEngineRun(async ({ path, backUp, restoreTo }) => {
          const ask = <T>(command: string, ...args: string[]) =>
            withRedis(url, 0, (redis) => redis.call(command, ...args) as Promise<T>);
          const keys = Array.from({ length: 2_000 }, (_, key) => [`key:${key}`, 'value']);
          await ask('MSET', ...keys.flat());
          const file = join(path, '..', 'other.rdb');
          const other = run('redis-cli', ['-p', String(port), '--rdb', file], {
            env: { ...process.env, REDISCLI_AUTH: new URL(url).password },
          });
          await until('the other dump is made', async () =>
            (await ask<string>('INFO', 'persistence')).includes('rdb_bgsave_in_progress:1'),
          );
          await ask('SET', 'late', 'value');
          const manifest = await backUp(redisSource(url));
          await other;
          const restored = join(path, '..', 'restored.rdb');
          await restoreTo(manifest, { source: null, database: restored }, { create: true });
          assert.equal(
            await withRestored(restored, (server) => withRedis(server.url, 0, (redis) => redis.get('late'))),
            'value',
          );
        }),
      ['--repl-diskless-sync', 'no', '--rdb-key-save-delay', '500'],
    ));
});
