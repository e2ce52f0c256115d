import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withInstallation } from '../../support/installation.ts';
import { withRedisServer, withRestored } from '../../support/redis-restored.ts';
import { contentOf, fillSample } from '../../support/redis-sample.ts';

describe('a Redis through the queue into storage, and back to a file', () => {
  it('is backed up, listed, verified and restored by a worker and in the own process', () =>
    withRedisServer((redis) =>
      withInstallation(async ({ path, configure, run, start }) => {
        await fillSample(redis.url);
        const expected = await contentOf(redis.url);
        await configure({ databases: { cache: { engine: 'redis', url: redis.url } } });
        const worker = await start(['worker']);
        const backup = await run('backup', 'cache', '--json');
        assert.equal(backup.code, 0, backup.stderr);
        const [made] = backup.json<{ runs: { backupId: string }[] }>().runs;
        const listed = await run('list', '--json');
        const [entry] = listed.json<{ backups: { backupId: string; engine: string }[] }>().backups;
        assert.deepEqual([entry?.backupId, entry?.engine], [made?.backupId, 'redis'], listed.stdout);
        const verified = await run('verify', 'cache', '--level', 'decode');
        assert.equal(verified.code, 0, verified.stderr);

        const drilled = await run('verify', 'cache', '--level', 'restore');
        assert.equal(drilled.code, 0, drilled.stderr);

        for (const [target, name] of [
          [`cache//${join(path, 'by-worker.rdb').slice(1)}`, 'by-worker.rdb'],
          [`./own.rdb`, 'own.rdb'],
        ] as const) {
          const restored = await run('restore', 'cache', '--to', target, '--create');
          assert.equal(restored.code, 0, restored.stderr);
          await withRestored(join(path, name), async ({ url }) =>
            assert.deepEqual(await contentOf(url), expected),
          );
        }
        const refused = await run('restore', 'cache', '--to', 'cache', '--confirm', 'cache');
        assert.equal(refused.code, 2, refused.stderr);
        assert.match(refused.stderr, /restored to a file/);
        const { password } = new URL(redis.url);
        for (const text of [worker.log(), backup.stdout, backup.stderr, refused.stderr])
          assert.ok(!text.includes(password), 'the password stands in what was printed');
      }),
    ));

  it('passes `check`, which names the programs', () =>
    withRedisServer((redis) =>
      withInstallation(async ({ configure, run, start }) => {
        await configure({ databases: { cache: { engine: 'redis', url: redis.url } } });
        await start(['worker']);
        const checked = await run('check');
        assert.match(
          checked.stdout,
          /redis-check-rdb .*\n[\s\S]*database cache .*redis \d/,
          checked.stdout + checked.stderr,
        );
      }),
    ));
});
