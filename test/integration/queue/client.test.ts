import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { cancelJob } from '../../../src/producer/client/cancel.ts';
import { type Client, createClient } from '../../../src/producer/client/client.ts';
import type { Update } from '../../../src/producer/client/follow.ts';
import type { Config, DatabaseConfig } from '../../../src/shared/config/schema.ts';
import { redisPrefix } from '../../../src/shared/queues/names.ts';
import { connectRedis } from '../../../src/shared/redis.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { sampleConfig, sampleDatabase } from '../../support/database.ts';
import { follow } from '../../support/follow.ts';
import { sharedRedis } from '../../support/redis.ts';
import { until } from '../../support/until.ts';

const shop = sampleDatabase({ url: new Secret('postgres://u:canary-password@127.0.0.1:1/shop') });

interface Bench {
  client: Client;
  follow(jobId: string, onUpdate?: (update: Update) => void): Promise<unknown>;
  /** Takes the next job and holds it until its `finish` is called. */
  take(): Promise<{ job: Job; finish(outcome?: Error): void }>;
  cancel(jobId: string): Promise<string>;
  /** Gives the client a configuration of that database. */
  reload(database: DatabaseConfig): void;
}

let count = 0;

async function withQueues(use: (bench: Bench) => Promise<void>): Promise<void> {
  count += 1;
  const installation = `queue-${process.pid}-${count}`;
  const server = await sharedRedis();
  const redis = connectRedis({
    url: new Secret(server.url),
    role: 'worker',
    onError: (error) => assert.fail(error),
  });
  await redis.connect();
  let config = configOf(installation, shop);
  const client = createClient({ config: () => config, redis, clock: () => new Date() });
  const held: { job: Job; finish(outcome?: Error): void }[] = [];
  const worker = new Worker(
    'backups',
    (job) =>
      new Promise((resolve, reject) => {
        held.push({
          job,
          finish: (outcome) =>
            outcome ? reject(outcome) : resolve({ backupId: job.id, bytes: 1, duration: 1 }),
        });
      }),
    { connection: redis, prefix: redisPrefix(installation), settings: { backoffStrategy: () => 1 } },
  );
  try {
    await use({
      client,
      follow: (jobId, onUpdate = () => undefined) =>
        follow({
          redis,
          installation,
          queue: client.queue('backups', 'default'),
          jobId,
          onlyOne: 'shop',
          signal: new AbortController().signal,
          wait: () => turn(),
          onUpdate,
        }),
      take: async () => {
        await until('a job is taken', () => held.length > 0);
        const [next] = held.splice(0, 1);
        assert.ok(next);
        return next;
      },
      reload: (database) => {
        config = configOf(installation, database);
      },
      cancel: async (jobId) => {
        const job = await client.findJob(jobId);
        assert.ok(job);
        return cancelJob({ redis, installation, job, by: 'a test' });
      },
    });
  } finally {
    for (const each of held) each.finish();
    await worker.close();
    await client.close();
    redis.disconnect();
    await server.stop();
  }
}

function configOf(installation: string, database: DatabaseConfig): Config {
  return sampleConfig({ installation, databases: [database] });
}

describe('a run that is asked for', () => {
  it('while none waits or runs, is a run of its own', () =>
    withQueues(async ({ client, follow: wait, take }) => {
      const first = await client.backup(shop);
      assert.equal(first.as, 'new');
      (await take()).finish();
      assert.deepEqual(await wait(first.jobId), { backupId: first.jobId, bytes: 1, duration: 1 });
    }));

  it('while one is active, becomes its successor and never reports the active one', () =>
    withQueues(async ({ client, follow: wait, take }) => {
      const first = await client.backup(shop);
      const active = await take();
      const second = await client.backup(shop);
      assert.equal(second.as, 'successor');
      assert.notEqual(second.jobId, first.jobId);
      const states: string[] = [];
      const outcome = wait(second.jobId, ({ state }) => states.push(state));
      await until('the follower waits behind', () => states.includes('behind'));
      active.finish();
      const successor = await take();
      assert.equal(successor.job.id, second.jobId);
      successor.finish();
      assert.deepEqual(await outcome, { backupId: second.jobId, bytes: 1, duration: 1 });
    }));

  it('three times while one is active, is one successor that all three follow', () =>
    withQueues(async ({ client, follow: wait, take }) => {
      await client.backup(shop);
      const active = await take();
      const asked = [await client.backup(shop), await client.backup(shop), await client.backup(shop)];
      assert.deepEqual(
        asked.map(({ as }) => as),
        ['successor', 'joined', 'joined'],
      );
      assert.equal(
        new Set(asked.map(({ jobId }) => jobId)).size,
        1,
        'every id that was given out is the one that runs',
      );
      const outcomes = Promise.all(asked.map(({ jobId }) => wait(jobId)));
      active.finish();
      (await take()).finish();
      const results = (await outcomes) as { backupId: string }[];
      assert.equal(new Set(results.map((result) => result.backupId)).size, 1);
      const counts = await Promise.all(client.queues.map((queue) => queue.getJobCountByTypes()));
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        2,
      );
    }));

  it('while one waits for its next attempt, joins that one', () =>
    withQueues(async ({ client, take }) => {
      const first = await client.backup(shop);
      const active = await take();
      await client.queue('backups', 'default').pause();
      active.finish(new Error('[DUMP_FAILED] broken'));
      await until(
        'the attempt has failed',
        async () => (await (await client.findJob(first.jobId))?.getState()) !== 'active',
      );
      const second = await client.backup(shop);
      assert.deepEqual(second, { jobId: first.jobId, as: 'joined' });
      await client.queue('backups', 'default').resume();
      (await take()).finish();
    }));

  it('is followed by its successor even when it fails for good', () =>
    withQueues(async ({ client, follow: wait, take }) => {
      const first = await client.backup(shop);
      const active = await take();
      const second = await client.backup(shop);
      active.finish(new Error('[DUMP_FAILED] broken'));
      (await take()).finish(new Error('[DUMP_FAILED] broken again\nHINT: mend it'));
      await assert.rejects(wait(first.jobId), {
        code: 'DUMP_FAILED',
        message: 'broken again',
        hint: 'mend it',
      });
      (await take()).finish();
      assert.deepEqual(await wait(second.jobId), { backupId: second.jobId, bytes: 1, duration: 1 });
    }));
});

describe('cancelling', () => {
  it('removes a run that waits, and says so to who follows it', () =>
    withQueues(async ({ client, follow: wait, cancel }) => {
      await client.queue('backups', 'default').pause();
      const { jobId } = await client.backup(shop);
      assert.equal(await cancel(jobId), 'removed');
      await assert.rejects(wait(jobId), { code: 'CANCELLED', message: /a test/ });
      await client.queue('backups', 'default').resume();
    }));

  it('one that waits for its next attempt does not take the run along that waits behind it', () =>
    withQueues(async ({ client, follow: wait, take, cancel }) => {
      const queue = client.queue('backups', 'default');
      const first = await client.backup(shop);
      const active = await take();
      const second = await client.backup(shop);
      await queue.pause();
      active.finish(new Error('[DUMP_FAILED] broken'));
      await until('it waits', async () => (await queue.getJobState(first.jobId)) !== 'active');
      assert.equal(await cancel(first.jobId), 'told');
      await queue.resume();
      const again = await take();
      assert.equal(again.job.id, first.jobId);
      again.finish(new UnrecoverableError('[CANCELLED] cancelled by a test'));
      (await take()).finish();
      assert.deepEqual(await wait(second.jobId), { backupId: second.jobId, bytes: 1, duration: 1 });
    }));

  it('refuses a run that is over', () =>
    withQueues(async ({ client, follow: wait, take, cancel }) => {
      const { jobId } = await client.backup(shop);
      (await take()).finish();
      await wait(jobId);
      await assert.rejects(cancel(jobId), { code: 'JOB_NOT_FOUND', message: /already completed/ });
    }));
});

describe('a verification that is asked for', () => {
  it('is never taken for another that was asked for in the same second', () =>
    withQueues(async ({ client }) => {
      const request = {
        backupId: 'shop-20260102T030405Z-abc234',
        storage: 'main',
        database: 'shop',
        target: null,
        followUp: false,
      };
      const checksum = await client.verify({ ...request, level: 'checksum' }, 'default');
      const decode = await client.verify({ ...request, level: 'decode' }, 'default');
      assert.equal((await client.findJob(checksum))?.data.level, 'checksum');
      assert.equal((await client.findJob(decode))?.data.level, 'decode');
    }));
});

describe('a job', () => {
  it('holds names and ids, and nothing of a connection', () =>
    withQueues(async ({ client, take }) => {
      await client.backup(shop);
      const { job, finish } = await take();
      const text = JSON.stringify({ data: job.data, opts: job.opts });
      assert.doesNotMatch(text, /canary|127\.0\.0\.1|postgres:/);
      finish();
    }));
});

describe('a client whose configuration is loaded anew', () => {
  it('has the queues of a pool that came with it, and those of one that went', () =>
    withQueues(async ({ client, reload }) => {
      const first = await client.backup(shop);
      const eu = { ...shop, pool: 'eu' };
      assert.throws(() => client.queue('backups', 'eu'), /no database of the configuration is in pool "eu"/);
      reload(eu);
      const second = await client.backup(eu);
      assert.equal((await client.findJob(second.jobId))?.queueName, 'backups.eu');
      assert.equal((await client.findJob(first.jobId))?.queueName, 'backups');
      assert.deepEqual(
        client.queues.map(({ name }) => name),
        ['backups', 'restores', 'maintenance', 'backups.eu', 'restores.eu', 'maintenance.eu'],
      );
    }));
});
