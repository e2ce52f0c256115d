import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Source } from '../../src/shared/config/schema.ts';
import { urlOf } from '../support/database.ts';
import { databaseOf } from '../support/engine-run.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { quickDump, redisSource, withRestored } from '../support/redis-restored.ts';
import { contentOf, fillSample, withRedis } from '../support/redis-sample.ts';
import { until } from '../support/until.ts';
import type { Interruptible, Refusal, Target, Writers } from './engine/subject.ts';
import { engineSuite } from './engine-suite.ts';

engineSuite({
  name: 'redis',
  withSubject: async (use) => {
    const own: TestRedis[] = [];
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'redis-targets-')));
    const start = async (args: readonly string[] = []): Promise<TestRedis> => {
      const redis = await startRedis({ args: [...quickDump, ...args] });
      own.push(redis);
      return redis;
    };
    try {
      await use({
        createSource: async () => {
          const { url } = await start();
          await fillSample(url);
          return redisSource(url);
        },
        createTarget: async () => createTarget(folder),
        describe: (source) => onServer(source, contentOf),
        writers,
        refusals: refusalsOf(start),
        createInterruptible: async () => createInterruptible(await start(['--rdb-key-save-delay', '2000'])),
        checksItself: true,
      });
    } finally {
      for (const each of own) await each.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
});

/** Restored files by the sources that stand for them: no server runs from them until one is asked. */
const files = new WeakMap<Source, string>();

function onServer<T>(source: Source, use: (url: string) => Promise<T>): Promise<T> {
  const file = files.get(source);
  return file === undefined ? use(urlIn(source)) : withRestored(file, ({ url }) => use(url));
}

let targets = 0;

function createTarget(folder: string): Target {
  targets += 1;
  const name = `restored-${targets}.rdb`;
  const path = join(folder, name);
  const source = redisSource('redis://127.0.0.1:1');
  files.set(source, path);
  return { target: { source: null, database: path }, options: { create: true }, source, confirm: name };
}

const writers: Writers = {
  prepare: (source) =>
    withRedis(urlIn(source), 0, async (redis) => {
      await redis.mset('debit', 1_000_000, 'credit', 0);
      // Enough keys between the two that a dump takes a while.
      for (let part = 0; part < 20; part += 1)
        await redis.mset(
          Array.from({ length: 5_000 }, (_, key) => [`bulk:${part}:${key}`, 'x'.repeat(100)]).flat(),
        );
    }),
  start: async (source) => {
    let [transactions, stopped] = [0, false];
    const work = [1, 2].map(() =>
      withRedis(urlIn(source), 0, async (redis) => {
        while (!stopped) {
          const amount = 1 + (transactions % 5);
          await redis.multi().decrby('debit', amount).incrby('credit', amount).exec();
          transactions += 1;
        }
      }),
    );
    return {
      transactions: () => transactions,
      stop: async () => {
        stopped = true;
        await Promise.all(work);
      },
    };
  },
  sum: (source) =>
    onServer(source, (url) =>
      withRedis(url, 0, async (redis) => {
        const [debit, credit] = await redis.mget('debit', 'credit');
        return Number(debit) + Number(credit);
      }),
    ),
};

function refusalsOf(start: (args?: readonly string[]) => Promise<TestRedis>): Refusal[] {
  const withUser = async (rules: readonly string[]): Promise<Source> => {
    const { url, port } = await start();
    await withRedis(url, 0, (redis) => redis.call('ACL', 'SETUSER', 'narrow', 'on', '>secret', ...rules));
    return redisSource(`redis://narrow:secret@127.0.0.1:${port}`);
  };
  return [
    {
      what: 'a wrong password',
      source: async () => redisSource(`redis://:wrong@127.0.0.1:${(await start()).port}`),
      code: 'DATABASE_AUTH',
      message: /refused the log-in/,
    },
    {
      what: 'a wrong password where anybody may come in without one',
      source: async () => {
        const { url, port } = await start();
        await withRedis(url, 0, (redis) => redis.call('ACL', 'SETUSER', 'default', 'nopass'));
        return redisSource(`redis://somebody:wrong@127.0.0.1:${port}`);
      },
      code: 'DATABASE_AUTH',
      message: /refused the log-in/,
    },
    {
      what: 'no password',
      source: async () => redisSource(`redis://127.0.0.1:${(await start()).port}`),
      code: 'DATABASE_AUTH',
      message: /NOAUTH/,
    },
    {
      what: 'a user who may not ask what the server is',
      source: () => withUser(['+sync', '+replconf']),
      code: 'DATABASE_PERMISSION',
      message: /NOPERM.*info/,
    },
    {
      what: 'a user who may not have the data',
      source: () => withUser(['+info', '+replconf']),
      code: 'DATABASE_PERMISSION',
      message: /NOPERM.*sync/,
    },
    {
      what: 'a node of a cluster',
      source: async () => redisSource((await start(['--cluster-enabled', 'yes'])).url),
      code: 'CONFIG_INVALID',
      message: /only its own slots/,
    },
    {
      what: 'a server that is not there',
      source: async () => redisSource('redis://127.0.0.1:1'),
      code: 'DATABASE_UNREACHABLE',
      message: /127\.0\.0\.1:1/,
    },
  ];
}

/** Its dump takes seconds, whose end nothing waits for. */
async function createInterruptible(victim: TestRedis): Promise<Interruptible> {
  await withRedis(victim.url, 0, (redis) =>
    redis.mset(Array.from({ length: 5_000 }, (_, key) => [`key:${key}`, 'x'.repeat(1_000)]).flat()),
  );
  const observer = (section: string) => withRedis(victim.url, 0, (redis) => redis.info(section));
  return {
    source: redisSource(victim.url),
    started: () =>
      until('the dump is being sent', async () =>
        /total_net_repl_output_bytes:[1-9]\d{3}/.test(await observer('stats')),
      ),
    kill: () => victim.kill('SIGKILL'),
    code: 'DATABASE_UNREACHABLE',
  };
}

function urlIn(source: Source): string {
  return urlOf(databaseOf(source));
}
