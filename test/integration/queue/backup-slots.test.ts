import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import type { Resources } from '../../../src/pipeline/resources.ts';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { type Client, createClient } from '../../../src/producer/client/client.ts';
import { catchUp, settleBeforeChange } from '../../../src/producer/scheduler/catch-up.ts';

import { createHeld } from '../../../src/producer/scheduler/held.ts';
import { createLedger, type Ledger } from '../../../src/producer/scheduler/ledger.ts';
import { createNewest } from '../../../src/producer/scheduler/newest.ts';
import { findScheduled, type Scheduled, schedulesOf } from '../../../src/producer/scheduler/schedules.ts';
import { type SlotContext, seeToSlot } from '../../../src/producer/scheduler/see-to-slot.ts';
import { createSlots } from '../../../src/producer/scheduler/slots.ts';
import type { Config } from '../../../src/shared/config/schema.ts';
import { newBackupId } from '../../../src/shared/ids.ts';
import { withReleases } from '../../../src/shared/lifecycle.ts';
import { storeManifest } from '../../support/catalog-objects.ts';
import { sampleConfig, sampleDatabase } from '../../support/database.ts';
import { withFolder } from '../../support/folder.ts';
import { createMemoryLogger } from '../../support/memory-logger.ts';
import { openProducerRedis } from '../../support/producer-redis.ts';
import { sharedRedis } from '../../support/redis.ts';

const { signal } = new AbortController();
const hour = 3_600_000;
/** A day on which nothing happens to any clock. */
const noon = new Date('2026-06-10T12:00:00Z');
const at = (hours: number, minutes = 1): Date => new Date(noon.getTime() + hours * hour + minutes * 60_000);
const slotAt = (hours: number): Date => new Date(noon.getTime() + hours * hour);
const runOf = (hours: number): string =>
  newBackupId({ database: 'shop', at: slotAt(hours), slot: slotAt(hours) });

describe('a slot of a schedule', () => {
  it('is run once under the id of its slot, however many producers see to it', () =>
    withBench({}, async ({ known, see, client, jobs }) => {
      await known(-1);
      await Promise.all([see(at(0)), see(at(0)), see(at(0))]);
      await see(at(0, 2));
      assert.deepEqual(await jobs(), [runOf(0)]);
      const job = await client.queue('backups', 'default').getJob(runOf(0));
      assert.deepEqual(job?.data.trigger, { kind: 'schedule', slot: slotAt(0).toISOString() });
    }));

  it('that nobody could run in time is run late, once; the slots before it are counted', () =>
    withBench({}, async ({ known, see, jobs, missed, ledger }) => {
      await known(-1);
      await see(at(2));
      await see(at(2, 5));
      assert.deepEqual(await jobs(), [runOf(2)]);
      assert.deepEqual(missed, [{ database: 'shop', slots: 2, latest: slotAt(2) }]);
      assert.equal((await ledger.read('shop')).missed, 2);
    }));

  it('that was missed is told again where that failed, and is counted once', () =>
    withBench({}, async ({ known, context, scheduled, see, jobs, missed, ledger }) => {
      await known(-1);
      const mute: SlotContext = { ...context, onMissed: () => Promise.reject(new Error('it is away')) };
      await assert.rejects(seeToSlot(mute, { scheduled, at: at(2), signal }), /it is away/);
      await see(at(2, 5));
      assert.deepEqual(await jobs(), [runOf(2)]);
      assert.deepEqual(missed, [{ database: 'shop', slots: 2, latest: slotAt(2) }]);
      assert.equal((await ledger.read('shop')).missed, 2);
    }));

  it('is merged into the run that waits while no worker is there, and counted', () =>
    withBench({}, async ({ known, see, jobs, missed }) => {
      await known(-1);
      for (const slot of [0, 1, 2]) await see(at(slot));
      assert.deepEqual(await jobs(), [runOf(0)]);
      assert.deepEqual(
        missed.map(({ slots }) => slots),
        [1, 1],
      );
    }));

  it('is let pass under `missed: skip` when it is late, and counted', () =>
    withBench({ missed: 'skip' }, async ({ known, see, jobs, missed }) => {
      await known(-1);
      await see(at(1, 2));
      assert.deepEqual(await jobs(), []);
      assert.deepEqual(missed, [{ database: 'shop', slots: 2, latest: slotAt(1) }]);
      await see(at(2, 1));
      assert.deepEqual(await jobs(), [runOf(2)]);
    }));

  it('is neither run nor counted while its schedule is paused, nor when it is resumed', () =>
    withBench({}, async ({ known, see, jobs, missed, ledger }) => {
      await known(-1);
      await ledger.pause('shop', { by: 'a test', at: noon.toISOString() });
      await see(at(0));
      await see(at(1));
      assert.equal(await ledger.resume('shop'), true);
      await see(at(1, 30));
      assert.deepEqual([await jobs(), missed], [[], []]);
      await see(at(2));
      assert.deepEqual(await jobs(), [runOf(2)]);
    }));

  it('waits for the time by which its database is put off', () =>
    withBench({ spread: 1_200_000 }, async ({ known, see, jobs, scheduled }) => {
      await known(-1);
      const { jitterOf } = await import('../../../src/shared/cron.ts');
      const jitter = jitterOf(scheduled);
      assert.ok(jitter > 1_000);
      await see(new Date(slotAt(0).getTime() + jitter - 1));
      assert.deepEqual(await jobs(), []);
      await see(new Date(slotAt(0).getTime() + jitter));
      assert.deepEqual(await jobs(), [runOf(0)]);
    }));
});

describe('what Redis has lost', () => {
  it('is made up for from the catalog: the newest slot is run if no backup is as young', () =>
    withBench({}, async ({ storage, look, jobs, flush }) => {
      await storeManifest(storage, { backupId: 'shop-20260609T120000Z-abc234' });
      await look(at(0));
      assert.deepEqual(await jobs(), [runOf(0)]);
      await flush();
      assert.deepEqual(await jobs(), []);
      await look(at(0, 10));
      assert.deepEqual(
        await jobs(),
        [runOf(0)],
        'the same id, so that a run that was committed is not made twice',
      );
    }));

  it('is made up for although it was lost just after the run was enqueued, and before that was recorded', () =>
    withBench({}, async ({ storage, context, client, scheduled, look, jobs, flush }) => {
      await storeManifest(storage, { backupId: 'shop-20260609T120000Z-abc234' });
      const losing: SlotContext = {
        ...context,
        client: {
          ...client,
          backup: async (...of) => {
            const enqueued = await client.backup(...of);
            await flush();
            return enqueued;
          },
        },
      };
      await seeToSlot(losing, { scheduled, at: at(0), signal });
      assert.deepEqual(await jobs(), []);
      await look(at(0, 2));
      assert.deepEqual(await jobs(), [runOf(0)]);
    }));

  it('is nothing where the newest slot has its backup, or a younger one is there', () =>
    withBench({}, async ({ storage, look, jobs }) => {
      await storeManifest(storage, { backupId: runOf(0) });
      await look(at(0));
      assert.deepEqual(await jobs(), []);
      await storeManifest(storage, { backupId: 'shop-20260610T130200Z-abc234' });
      await look(at(1, 5));
      assert.deepEqual(await jobs(), [runOf(1)], 'the ledger knows the schedule now');
    }));

  it('is nothing of a schedule that is new: it begins with its next slot', () =>
    withBench({}, async ({ look, jobs, missed }) => {
      await look(new Date(slotAt(0).getTime() + 5_000));
      await look(at(0));
      assert.deepEqual(await jobs(), []);
      await look(at(1));
      assert.deepEqual([await jobs(), missed], [[runOf(1)], []]);
    }));

  it('does not bring a run back that somebody cancelled', () =>
    withBench({}, async ({ known, see, look, jobs, client }) => {
      await known(-1);
      await see(at(0));
      await (await client.findJob(runOf(0)))?.remove();
      await look(at(0, 30));
      assert.deepEqual(await jobs(), []);
    }));
});

describe('a clock that was wrong', () => {
  it('for a while, far ahead, does not silence a schedule until that time has come', () =>
    withBench({}, async ({ known, see, look, jobs, storage, client }) => {
      const year = 24 * 365;
      const end = async (run: string) => (await client.findJob(run))?.remove();
      await known(-1);
      await see(at(year));
      assert.deepEqual(await jobs(), [runOf(year)]);
      await end(runOf(year));
      // Its snapshot is as old as it is, whatever its slot.
      await storeManifest(storage, { backupId: runOf(year), snapshotAt: at(-1, 10).toISOString() });
      await see(at(0));
      assert.deepEqual(await jobs(), [runOf(0)]);
      await end(runOf(0));
      await look(at(1));
      assert.deepEqual(await jobs(), [runOf(1)]);
    }));
});

describe('a schedule that is changed', () => {
  const changed = (bench: Bench, schedule: string, more: Parameters<typeof sampleDatabase>[0] = {}) => {
    const [before] = schedulesOf(bench.config);
    const config = sampleConfig({ databases: [sampleDatabase({ schedule, ...more })] });
    const scheduled = findScheduled(config, 'shop');
    const [after] = schedulesOf(config);
    assert.ok(before && after && scheduled);
    const known = { key: before.id, name: 'tick', pattern: before.pattern, tz: before.tz };
    return { change: { schedule: after, known }, scheduled };
  };

  it('runs the slot that was due by its old definition, and counts none of the new one before that', () =>
    withBench({}, async (bench) => {
      await bench.known(-1);
      const { change, scheduled } = changed(bench, '*/10 * * * *');
      await settleBeforeChange(bench.context, { change, scheduled, now: at(0, 35), signal });
      assert.deepEqual(await bench.jobs(), [runOf(0)]);
      await seeToSlot(bench.context, { scheduled, at: at(0, 36), signal });
      assert.deepEqual([await bench.jobs(), bench.missed], [[runOf(0)], []]);
    }));

  it('lets a late slot of its old definition pass under `missed: skip`, and counts what got no run', () =>
    withBench({ missed: 'skip' }, async (bench) => {
      await bench.known(-3);
      const { change, scheduled } = changed(bench, '*/10 * * * *', { missed: 'skip' });
      await settleBeforeChange(bench.context, { change, scheduled, now: at(0, 35), signal });
      assert.deepEqual(await bench.jobs(), []);
      assert.deepEqual(bench.missed, [{ database: 'shop', slots: 3, latest: slotAt(0) }]);
    }));

  it('counts the slots of its old definition that were too late', () =>
    withBench({}, async (bench) => {
      await bench.known(-3);
      const { change, scheduled } = changed(bench, '*/10 * * * *');
      await settleBeforeChange(bench.context, { change, scheduled, now: at(0, 35), signal });
      assert.deepEqual(await bench.jobs(), [runOf(0)]);
      assert.deepEqual(bench.missed, [{ database: 'shop', slots: 2, latest: slotAt(0) }]);
    }));

  it('runs nothing more where all that was due was seen to', () =>
    withBench({}, async (bench) => {
      await bench.known(0);
      const { change, scheduled } = changed(bench, '30 * * * *');
      await settleBeforeChange(bench.context, { change, scheduled, now: at(0, 35), signal });
      assert.deepEqual(await bench.jobs(), []);
      assert.deepEqual((await bench.ledger.read('shop')).seenTo, new Date('2026-06-10T12:30:00Z'));
    }));
});

describe('the change of the clocks', () => {
  for (const timezone of ['Europe/Berlin', 'UTC'])
    for (const from of ['2026-03-27T00:00:00Z', '2026-10-23T00:00:00Z'])
      it(`gives one run to each local day of ${timezone} from ${from}`, () =>
        withBench({ schedule: '30 2 * * *', timezone }, async ({ context, ledger, scheduled, missed }) => {
          const slots: Date[] = [];
          const backup: Client['backup'] = async (_database, slot) => {
            slots.push(slot ?? noon);
            return { jobId: 'a-job', as: 'new' };
          };
          const counting = { ...context, client: { ...context.client, backup } };
          const start = Date.parse(from);
          await ledger.advance('shop', { from: undefined, to: new Date(start - hour), missed: 0 });
          for (let now = start; now < start + 5 * 24 * hour; now += 600_000)
            await seeToSlot(counting, { scheduled, at: new Date(now), signal });
          const days = slots.map((slot) => slot.toLocaleDateString('en', { timeZone: timezone }));
          assert.equal(slots.length, 5, String(days));
          assert.equal(new Set(days).size, 5, String(days));
          assert.deepEqual(missed, []);
        }));
});

interface Bench {
  config: Config;
  context: SlotContext;
  scheduled: Scheduled;
  storage: Storage;
  client: Client;
  ledger: Ledger;
  /** Sets the ledger: all up to the slot of that hour is seen to. */
  known(hours: number): Promise<void>;
  see(at: Date): Promise<void>;
  /** As a producer does every 30 s. */
  look(now: Date): Promise<void>;
  /** Ids of the runs that are there. */
  jobs(): Promise<string[]>;
  missed: { database: string; slots: number; latest: Date }[];
  /** Redis loses all that it has of this installation. */
  flush(): Promise<void>;
}

let count = 0;

function withBench(
  changes: Parameters<typeof sampleDatabase>[0],
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  count += 1;
  const installation = `slots-${process.pid}-${count}`;
  return withFolder((path) =>
    withReleases(async (releases) => {
      const server = await sharedRedis();
      releases.push(server.stop);
      const redis = openProducerRedis(server.url, releases);
      const config = sampleConfig({
        installation,
        databases: [sampleDatabase({ schedule: '0 * * * *', ...changes })],
      });
      const client = createClient({ config: () => config, redis, clock: () => noon });
      releases.push(client.close);
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const resources = { storage: async () => storage } as unknown as Resources;
      const missed: Bench['missed'] = [];
      const context: SlotContext = {
        client,
        ledger: createLedger({ redis, installation }),
        slots: createSlots(),
        held: createHeld(),

        newest: createNewest(() => ({ config, resources })),
        logger: createMemoryLogger(),
        onMissed: async (each) => void missed.push(each),
      };
      const scheduled = findScheduled(config, 'shop');
      assert.ok(scheduled);
      await use({
        ...{ config, context, scheduled, storage, client, missed },
        ledger: context.ledger,
        known: async (hours) => {
          await context.ledger.advance('shop', { from: undefined, to: slotAt(hours), missed: 0 });
        },
        see: (when) => seeToSlot(context, { scheduled, at: when, signal }),
        look: (now) => catchUp(context, { scheduled: [scheduled], added: new Set(), now, signal }),
        jobs: async () => {
          const jobs = await client.queue('backups', 'default').getJobs();
          return jobs.map(({ id }) => id ?? '').sort();
        },
        flush: () => removeAll(redis, installation),
      });
    }),
  );
}

async function removeAll(redis: Redis, installation: string): Promise<void> {
  const keys = await redis.keys(`{backupdata:${installation}}*`);
  if (keys.length > 0) await redis.del(...keys);
}
