import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import type { TestRedis } from '../../support/redis.ts';
import { redisSource, withRedisServer, withRestored } from '../../support/redis-restored.ts';
import { contentOf, fillSample, withRedis } from '../../support/redis-sample.ts';

const page = join(import.meta.dirname, '../../../docs/engines/redis.md');

describe('the user of a backup of Redis', () => {
  it('needs what docs/engines/redis.md gives it, and not a command less', () =>
    withRedisServer(async (redis) => {
      const rules = await documentedRules();
      const commands = rules.filter((rule) => rule.startsWith('+'));
      assert.ok(commands.length > 0 && rules.includes('-@all'), rules.join(' '));
      const source = redisSource(`redis://backup:secret@127.0.0.1:${redis.port}`);
      await setUser(redis, 'backup', ['on', '>secret', ...rules]);
      await fillSample(redis.url);
      await withEngineRun(async ({ path, backUp, restoreTo }) => {
        const manifest = await backUp(source);
        const file = join(path, 'restored.rdb');
        await restoreTo(manifest, { source: null, database: file }, { create: true });
        const expected = await contentOf(redis.url);
        await withRestored(file, async ({ url }) => assert.deepEqual(await contentOf(url), expected));
        for (const command of commands) {
          const without = rules.filter((rule) => rule !== command);
          await setUser(redis, 'backup', ['reset', 'on', '>secret', ...without]);
          await assert.rejects(backUp(source), { code: 'DATABASE_PERMISSION' }, command);
        }
      });
    }));

  it('may have any characters in its name and its password', () =>
    withRedisServer(async (redis) => {
      const [name, password] = ['ba:ck/up@é', 'p@ss:w/ör d%+?#"\''];
      await setUser(redis, name, ['on', `>${password}`, ...(await documentedRules())]);
      const where = `${encodeURIComponent(name)}:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`;
      await withEngineRun(({ backUp }) => backUp(redisSource(`redis://${where}`)));
    }));

  it('comes in by a Unix socket too', () =>
    withFolder(async (folder) => {
      const socket = join(folder, 'socket');
      await withRedisServer(
        async ({ url }) => {
          const { password } = new URL(url);
          await withEngineRun(async ({ backUp }) => {
            await backUp(redisSource(`redis://:${password}@localhost?socket=${encodeURIComponent(socket)}`));
            await assert.rejects(backUp(redisSource(`redis://:${password}@localhost?socket=${socket}-not`)), {
              code: 'DATABASE_UNREACHABLE',
              message: /socket-not/,
            });
          });
        },
        ['--unixsocket', socket],
      );
    }));

  it('backs up a node of a cluster where the URL says that it is one, and the manifest says what is in it', () =>
    withRedisServer(
      ({ url }) =>
        withEngineRun(async ({ backUp }) => {
          const { notes } = await backUp(redisSource(`${url}?cluster=node`));
          assert.match(notes.join('\n'), /only the keys of its own slots/);
        }),
      ['--cluster-enabled', 'yes'],
    ));
});

/** The rules behind `ACL SETUSER backup on >PASSWORD` in the page. */
async function documentedRules(): Promise<string[]> {
  const rules = /^ACL SETUSER backup on >\S+ (.*)$/m.exec(await readFile(page, 'utf8'))?.[1];
  if (rules === undefined) throw new Error('the page has no ACL SETUSER');
  return rules.split(' ');
}

async function setUser({ url }: TestRedis, name: string, rules: readonly string[]): Promise<void> {
  await withRedis(url, 0, (redis) => redis.call('ACL', 'SETUSER', name, ...rules));
}
