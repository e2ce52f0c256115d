import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { Worker } from 'bullmq';
import { manifestKey } from '../../src/pipeline/catalog/keys.ts';
import { withClient } from '../../src/producer/client/open.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import { copyJobId } from '../../src/shared/queues/copy-job.ts';
import type { Progress } from '../../src/shared/queues/progress.ts';
import { Secret } from '../../src/shared/secret.ts';
import { assertComplaint } from '../support/complaint.ts';
import { type Copies, withCopies } from '../support/copies.ts';
import { quickQueue } from '../support/installation.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;

/** Attempts enough for a storage to come back. */
const patient = { queue: { ...quickQueue, attempts: 1_000 } };
const impatient = { queue: { ...quickQueue, attempts: 1 } };

async function isCommitted(copies: Copies, name: string, backupId: string): Promise<boolean> {
  const found = await (await copies.storage(name)).stat(manifestKey(backupId), signal).catch(() => undefined);
  return found !== undefined;
}

function copied(copies: Copies, name: string, backupId: string): Promise<void> {
  return until(`${backupId} is in ${name}`, () => isCommitted(copies, name, backupId), 20_000);
}

/** Every object of a backup but for marks, by its key. */
async function objectsOf(copies: Copies, name: string, backupId: string): Promise<Map<string, Buffer>> {
  const storage = await copies.storage(name);
  const objects = new Map<string, Buffer>();
  for await (const { key } of storage.list('shop/', signal))
    if (key.includes(backupId) && !key.includes('.verified-'))
      objects.set(key, await buffer(await storage.get(key, { signal })));
  return objects;
}

/** The error of the copy's job once it has failed for good. */
async function failedFor(copies: Copies, backupId: string, name: string): Promise<{ code: string }> {
  const id = copyJobId({ backupId, to: name });
  let failure: { code: string } | undefined;
  await until(
    `${id} has failed`,
    async () => {
      const { stdout } = await copies.run('jobs', 'show', id, '--json');
      const job = stdout === '' ? undefined : JSON.parse(stdout).job;
      failure = job?.state === 'failed' ? job.error : undefined;
      return failure !== undefined;
    },
    20_000,
  );
  return failure ?? assert.fail();
}

describe('the copies of a backup', () => {
  it('are made after its commit, which waits for none of them, each by its own retries', () =>
    withCopies(async (copies) => {
      await copies.copyTo(['offsite', 'far'], patient);
      await copies.takeAway('offsite');
      const worker = await copies.start(['worker']);
      const backupId = await copies.backup();
      await copied(copies, 'far', backupId);
      const [offsite, far] = await copies.shown(backupId);
      assert.deepEqual(far, { storage: 'far', state: 'copied', verification: 'unverified' });
      assert.deepEqual(
        [offsite?.storage, offsite?.state, offsite?.error?.code],
        ['offsite', 'unknown', 'STORAGE_UNAVAILABLE'],
      );
      await copies.bringBack('offsite');
      await copied(copies, 'offsite', backupId);
      await until('the copy is told', async () => (await copies.shown(backupId))[0]?.state === 'copied');
      const main = await objectsOf(copies, 'main', backupId);
      assert.equal(main.size, 4);
      for (const name of ['offsite', 'far']) assert.deepEqual(await objectsOf(copies, name, backupId), main);
      const lines = worker
        .log()
        .split('\n')
        .filter((line) => line.includes(`copy-${backupId}-far`));
      assert.match(lines[0] ?? '', /"copy started".*"storage":"far"|"storage":"far".*"copy started"/);
      assert.match(lines.at(-1) ?? '', /copy committed/);
      const { stdout } = await copies.run('show', backupId);
      assert.match(stdout, /^copies +offsite: copied, unverified\n +far: copied, unverified$/m);
    }));

  it('that failed for good, or whose jobs were lost with Redis, are made after the next that ends well', async () => {
    const redis = await startRedis();
    try {
      await withCopies(
        async (copies) => {
          await copies.copyTo(['offsite'], impatient);
          await copies.takeAway('offsite');
          const worker = await copies.start(['worker']);
          const failed = await copies.backup();
          assert.equal((await failedFor(copies, failed, 'offsite')).code, 'STORAGE_UNAVAILABLE');
          await worker.stop();
          await withRedis(copies, async ({ redis: connection }) => void (await connection.flushall()));
          const again = await copies.start(['worker']);
          const second = await copies.backup();
          await failedFor(copies, second, 'offsite');
          await copies.bringBack('offsite');
          assert.deepEqual(await copies.shown(failed), [
            { storage: 'offsite', state: 'missing', verification: null },
          ]);
          const [shown] = await copies.shown(second);
          assert.deepEqual([shown?.state, shown?.error?.code], ['failed', 'STORAGE_UNAVAILABLE']);
          const { stdout } = await copies.run('show', second);
          assert.match(stdout, /^copies +offsite: failed: .*offsite/m);

          const third = await copies.backup();
          for (const backupId of [third, second, failed]) await copied(copies, 'offsite', backupId);
          for (const backupId of [third, second, failed])
            assert.deepEqual(
              await objectsOf(copies, 'offsite', backupId),
              await objectsOf(copies, 'main', backupId),
            );
          assert.match(again.log(), /missing copies are enqueued/);
        },
        { redisUrl: redis.url },
      );
    } finally {
      await redis.stop();
    }
  });

  it('are not made again by themselves when their bytes are damaged; `jobs retry` makes them', () =>
    withCopies(async (copies) => {
      await copies.copyTo([], patient);
      const worker = await copies.start(['worker']);
      const first = await copies.backup();
      await worker.stop();
      const main = await copies.storage('main');
      const [key = ''] = [...(await objectsOf(copies, 'main', first)).keys()].filter((each) =>
        each.endsWith('data.dump.zst'),
      );
      const whole = await buffer(await main.get(key, { signal }));
      await main.put(key, Buffer.concat([whole.subarray(0, -1), Buffer.from([1, 2])]), { signal });
      await copies.copyTo(['offsite'], patient);
      await copies.start(['worker']);
      const second = await copies.backup();
      await copied(copies, 'offsite', second);
      assert.equal((await failedFor(copies, first, 'offsite')).code, 'OBJECT_DAMAGED');
      const third = await copies.backup();
      await copied(copies, 'offsite', third);
      const [shown] = await copies.shown(first);
      assert.deepEqual([shown?.state, shown?.error?.code], ['failed', 'OBJECT_DAMAGED']);
      assert.match(shown?.error?.message ?? '', /^part data\.dump: .*storage main is damaged/);
      assert.deepEqual(await objectsOf(copies, 'offsite', first), new Map());

      await main.put(key, whole, { signal });
      const id = copyJobId({ backupId: first, to: 'offsite' });
      const retried = await copies.run('jobs', 'retry', id);
      assert.deepEqual([retried.code, retried.stdout], [0, `${id}\n`], retried.stderr);
      await copied(copies, 'offsite', first);
    }));

  it('are taken from another copy where the storage that they are made from is away', () =>
    withCopies(async (copies) => {
      await copies.copyTo(['offsite'], patient);
      const worker = await copies.start(['worker']);
      const backupId = await copies.backup();
      await copied(copies, 'offsite', backupId);
      await worker.stop();
      const main = await objectsOf(copies, 'main', backupId);
      await copies.takeAway('main');
      await copies.copyTo(['offsite', 'far'], patient);
      await withRedis(copies, async ({ client }) => {
        const payload = { backupId, database: 'shop', from: 'main', to: 'far' };
        assert.equal((await client.copy(payload, 'default')).as, 'new');
        assert.equal((await client.copy(payload, 'default')).as, 'joined');
      });
      await copies.start(['worker']);
      await copied(copies, 'far', backupId);
      assert.deepEqual(await objectsOf(copies, 'far', backupId), main);
      const [home] = await copies.shown(backupId);
      assert.deepEqual([home?.storage, home?.state], ['main', 'unknown']);
    }));
});

/** A client of the installation's Redis, as a producer has one. */
async function withRedis(copies: Copies, use: Parameters<typeof withClient<void>>[1]): Promise<void> {
  const { env, path } = copies;
  const config = await loadConfig({ file: undefined, env, cwd: path });
  await withClient({ config, redisUrl: new Secret(env.REDIS_URL ?? '') }, use);
}

describe('check', () => {
  it('names the storages that each database is copied to, and those that cannot be reached', () =>
    withCopies(async (copies) => {
      await copies.copyTo(['offsite', { storage: 'far' }]);
      await copies.takeAway('far');
      const { stdout } = await copies.run('check', '--json');
      const checks = (JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] })
        .checks;
      const found = (name: string) => checks.find((each) => each.name === name);
      assert.match(found('database shop')?.detail ?? '', /storage main, copied to offsite, copied to far$/);
      assert.deepEqual(
        ['main', 'offsite', 'far'].map((name) => found(`storage ${name}`)?.status),
        ['ok', 'ok', 'problem'],
      );
    }));
});

describe('show', () => {
  it('tells of a copy that waits, is being made, has failed or is missing', () =>
    withCopies(async (copies) => {
      await copies.copyTo([], patient);
      const worker = await copies.start(['worker']);
      const backupId = await copies.backup();
      await worker.stop();
      await copies.copyTo(['offsite'], patient);
      const state = async (...args: string[]) => (await copies.shown(backupId, ...args))[0];
      assert.equal((await state())?.state, 'missing');
      await withRedis(copies, async ({ client }) => {
        await client.copy({ backupId, database: 'shop', from: 'main', to: 'offsite' }, 'default');
        assert.equal((await state())?.state, 'waiting');
        assert.equal((await state('--here'))?.state, 'missing', 'without Redis it cannot be known');
        await holdingCopies(copies, async (finish) => {
          await until('it is at work', async () => (await state())?.progress !== undefined);
          const shown = await state();
          assert.deepEqual([shown?.state, shown?.progress?.bytes], ['copying', 1_048_576]);
          const { stdout } = await copies.run('show', backupId);
          assert.match(stdout, /^copies +offsite: copying, 1 MiB of about 2 MiB, 1000 B\/s$/m);
          finish(new Error('[STORAGE_FULL] the disk is full'));
          await until('it waits again', async () => (await state())?.state === 'waiting');
          assert.equal((await state())?.error?.code, 'STORAGE_FULL');
        });
      });
    }));

  it('does not wait for a Redis that does not answer', async () => {
    const redis = await startRedis();
    try {
      await withCopies(
        async (copies) => {
          await copies.copyTo([], patient);
          const worker = await copies.start(['worker']);
          const backupId = await copies.backup();
          await worker.stop();
          await copies.copyTo(['offsite'], patient);
          await redis.kill('SIGSTOP');
          const asked = performance.now();
          const { code, stdout, stderr } = await copies.run('show', backupId);
          assert.ok(performance.now() - asked < 7_000);
          assert.equal(code, 0, stderr);
          assert.match(stdout, /^copies +offsite: missing$/m);
          assert.match(stderr, /^warning: whether a copy waits or has failed is not known/m);
        },
        { redisUrl: redis.url },
      );
    } finally {
      await redis.stop();
    }
  });
});

/** A worker of the test's own that holds each copy until `finish` fails it. */
async function holdingCopies(
  { prefix, env }: Copies,
  use: (finish: (outcome: Error) => void) => Promise<void>,
): Promise<void> {
  const progress: Progress = {
    phase: 'copy',
    since: new Date().toISOString(),
    attempt: 1,
    attemptId: null,
    bytes: 1_048_576,
    bytesPerSecond: 1_000,
    expectedBytes: 2_097_152,
  };
  let finish: (outcome: Error) => void = () => undefined;
  const { hostname: host, port, password } = new URL(env.REDIS_URL ?? '');
  const worker = new Worker(
    'maintenance',
    async (job) => {
      // What followed the backup may wait in the queue too.
      if (job.name !== 'copy') return;
      await job.updateProgress(progress);
      await new Promise((_, reject) => {
        finish = reject;
      });
    },
    {
      connection: { host, port: Number(port), password, maxRetriesPerRequest: null },
      prefix,
      settings: { backoffStrategy: () => 60_000 },
    },
  );
  try {
    await use((outcome) => finish(outcome));
  } finally {
    finish(new Error('[CANCELLED] the test is over'));
    await worker.close();
  }
}

describe('copy', () => {
  it('makes a copy by a worker or here, and says when it was there already', () =>
    withCopies(async (copies) => {
      await copies.copyTo([], patient);
      await copies.start(['worker']);
      const backupId = await copies.backup();
      const main = await objectsOf(copies, 'main', backupId);
      for (const [name, way] of [
        ['offsite', []],
        ['far', ['--here']],
      ] as const) {
        const made = await copies.run('copy', 'shop', '--to', name, '--json', ...way);
        assert.equal(made.code, 0, made.stderr);
        assert.equal(made.json<{ bytes: number }>().bytes, [...main.entries()].reduce(sizeOfVolumes, 0));
        assert.deepEqual(await objectsOf(copies, name, backupId), main);
        const again = await copies.run('copy', backupId, '--to', name, ...way);
        assert.equal(again.stdout, `${backupId} was in ${name} already\n`, again.stderr);
      }
      assertComplaint(await copies.run('copy', 'shop', '--to', 'gone'), {
        code: 'STORAGE_UNKNOWN',
        message: /gone/,
      });
      assertComplaint(await copies.run('copy', 'shop', '--to', 'main'), {
        code: 'USAGE',
        message: /in storage main already/,
      });
    }));
});

function sizeOfVolumes(sum: number, [key, { length }]: [string, Buffer]): number {
  return key.includes('/data/') ? sum + length : sum;
}
