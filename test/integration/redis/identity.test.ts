import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { redisSource, withRedisServer } from '../../support/redis-restored.ts';
import { withRedis } from '../../support/redis-sample.ts';
import { until } from '../../support/until.ts';

describe('what retention takes for the source of a backup of Redis', () => {
  it('stays the same while the server renames its data, and is another once there is none', () =>
    withRedisServer(
      ({ url }) =>
        withEngineRun(async ({ backUp }) => {
          const replid = () =>
            withRedis(
              url,
              0,
              async (redis) => /master_replid:\w+/.exec(await redis.info('replication'))?.[0],
            );
          const sourceNow = async () => (await backUp(redisSource(url))).source;
          await withRedis(url, 0, (redis) => redis.set('name', 'value'));
          const named = await replid();
          const first = await sourceNow();
          // Where nobody replicates, a dump begins a new history of the data and a while later that one ends as well.
          const during = await replid();
          await until('the server has forgotten the dump', async () => (await replid()) !== during);
          assert.notEqual(await replid(), named);
          assert.deepEqual(await sourceNow(), first);
          await withRedis(url, 0, (redis) => redis.flushall());
          assert.notDeepEqual(await sourceNow(), first);
        }),
      ['--repl-backlog-ttl', '1'],
    ));
});
