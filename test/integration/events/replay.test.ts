import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnrecoverableError } from 'bullmq';
import { enqueueCopy } from '../../../src/shared/queues/copy-job.ts';
import type { RunEvent } from '../../../src/shared/queues/run-event.ts';
import { readAll, withEvents } from '../../support/events-bench.ts';
import { until } from '../../support/until.ts';

describe('a producer that was away', () => {
  it('tells the failure of then, once', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      const { produce, hire, run, mend, damage } = bench;
      await hire();
      await mend('shop');
      const first = await produce();
      await run('shop');
      await readAll(bench, 'backups');
      await first.close();
      await damage('shop');
      const failed = await run('shop');
      const told: string[] = [];
      const tell = async ({ id }: RunEvent): Promise<void> => void told.push(id);
      await produce({ tell });
      await until('it is told', () => told.length > 0);
      await readAll(bench, 'backups');
      assert.deepEqual(told, [`failure-${failed.id}`]);
    }));

  it('does not tell a copy as failed that was made again since', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      const { client, produce, stand, ended, kinds, loaded } = bench;
      const first = await produce();
      await readAll(bench, 'maintenance');
      await first.close();
      let isBroken = true;
      await stand('maintenance', () => {
        if (isBroken) throw new UnrecoverableError('[STORAGE_AUTH] the storage refuses us');
        return { backupId: 'shop-20260102T030405Z-abc234', storage: 'other', bytes: 1, duration: 1 };
      });
      const copy = async (): Promise<void> => {
        const { jobId } = await enqueueCopy(client.queue('maintenance', 'default'), {
          payload: { backupId: 'shop-20260102T030405Z-abc234', database: 'shop', from: 'main', to: 'other' },
          config: loaded.config.queue,
        });
        await ended('maintenance', jobId);
      };
      await copy();
      isBroken = false;
      await copy();
      await produce();
      await readAll(bench, 'maintenance');
      assert.deepEqual(kinds(), []);
    }));
});

describe('a producer that is slow to tell', () => {
  it('tells what the stream lost meanwhile', () =>
    withEvents({ databases: { shop: {}, crm: {} } }, async (bench) => {
      const { produce, stand, run, redis, prefix } = bench;
      await stand('backups', () => {
        throw new UnrecoverableError('[DUMP_FAILED] the dump ended with 1');
      });
      const told: string[] = [];
      const slow = Promise.withResolvers<void>();
      await produce({
        tell: async ({ id, kind }) => {
          if (kind !== 'failure') return;
          told.push(id);
          if (told.length === 1) await slow.promise;
        },
      });
      await readAll(bench, 'backups');
      const first = await run('shop');
      await until('the first is being told', () => told.length === 1);
      const second = await run('crm');
      const stream = `${prefix}:backups:events`;
      await redis.xtrim(stream, 'MAXLEN', 0);
      await redis.xadd(stream, '*', 'event', 'drained');
      slow.resolve();
      await until('the second is told', () => told.length > 1);
      assert.deepEqual(told, [`failure-${first.id}`, `failure-${second.id}`]);
    }));
});
