import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { newBackupId } from '../../src/shared/ids.ts';
import { storeManifest } from '../support/catalog-objects.ts';
import { hourly, withSchedules } from '../support/due.ts';
import { withFleet } from '../support/fleet.ts';
import { type Installation, type Running, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { withOwnRedis } from '../support/own-redis.ts';
import { openRedisLink } from '../support/redis-link.ts';
import { chooseSeed, createSeeded, type Seeded } from '../support/seeded.ts';
import { manifestIsStored } from '../support/stored.ts';
import { until } from '../support/until.ts';
import { startsOf } from '../support/worker-log.ts';

// A slot is made due by what Redis, or the catalog, holds of it; no process' clock is changed, and no slot is waited for.

describe('a slot that is due while producers come and go', () => {
  it('is run exactly once, over ten of their deaths', (test) =>
    withInstallation(async (installation) => {
      const seeded = createSeeded(chooseSeed());
      test.diagnostic(`TEST_SEED=${seeded.seed}`);
      const names = Array.from({ length: 10 }, (_, index) => `shop${index}`);
      const due = await schedule(installation, names);
      await withSchedules(installation, async ({ leaveDue, ledger, count }) => {
        await leaveDue();
        const worker = await installation.start(['worker']);
        for (let round = 0; round < 5; round += 1)
          await Promise.all([endOne(installation, seeded), endOne(installation, seeded)]);
        const left = [...(await ledger.readAll())].filter(([, { seenTo }]) => seenTo && seenTo < due);
        test.diagnostic(`${left.length} of ${names.length} slots were left to the last two`);
        const last = await Promise.all([installation.start(['serve']), installation.start(['serve'])]);
        const runs = names.map((database) => newBackupId({ database, at: due, slot: due }));
        await until('every slot is backed up', () => runs.every((id) => manifestIsStored(installation, id)));
        await until('every schedule goes on', async () => {
          const { schedulers, ahead } = await count();
          return schedulers === names.length && ahead === names.length;
        });
        for (const name of names)
          assert.deepEqual(await ledger.read(name), { seenTo: due, missed: 0, paused: undefined });
        await withFleet(installation, async (fleet) => {
          await Promise.all(runs.map((id) => fleet.outcome(id)));
        });
        for (const each of [...last, worker]) assert.equal(await each.stop(), 0);
        for (const id of runs) assert.equal(startsOf(worker, id).length, 1, id);
        await assertInvariants(installation, { committed: runs, leftovers: 'none' });
      });
    }));
});

describe('slots that nobody could run in time', () => {
  it('are one late run, and the others are counted, when everything was away over three of them', () =>
    withInstallation(async (installation) => {
      const due = await schedule(installation, ['shop']);
      await withSchedules(installation, async ({ leaveDue, ledger }) => {
        await leaveDue(3);
        const both = await Promise.all([installation.start(['serve']), installation.start(['serve'])]);
        await until(
          'the slots are seen to',
          async () => (await ledger.read('shop')).seenTo?.getTime() === due.getTime(),
        );
        const worker = await installation.start(['worker']);
        const backupId = newBackupId({ database: 'shop', at: due, slot: due });
        await withFleet(installation, (fleet) => fleet.outcome(backupId).then(() => undefined));
        assert.equal((await ledger.read('shop')).missed, 2);
        for (const each of both)
          assert.match(await metricsOf(each), /^backup_missed_slots_total\{database="shop"\} 2$/m);
        for (const each of [...both, worker]) assert.equal(await each.stop(), 0);
        const told = both.map((each) => each.log().match(/"slots":2\b/g)?.length ?? 0);
        assert.equal(
          told.reduce((sum, each) => sum + each),
          1,
          'one producer tells it, once',
        );
        await assertInvariants(installation, { committed: [backupId], leftovers: 'none' });
      });
    }));
});

describe('a Redis that loses everything', () => {
  it('has the schedules again within a minute, runs the slot that was due, and leaves the catalog alone', () =>
    withOwnRedis(async (installation) => {
      const due = await schedule(installation, ['shop']);
      const storage = await openStorage({
        name: 'main',
        config: { type: 'local', path: installation.backups },
      });
      // Older than the slot, so that the slot is due; what makes a producer know that the schedule is not new.
      const older = 'shop-20260102T030405Z-abc234';
      await storeManifest(storage, { backupId: older });
      const slot = newBackupId({ database: 'shop', at: due, slot: due });
      await withSchedules(installation, async ({ count, ledger }) => {
        await withFleet(installation, async (fleet) => {
          const producer = await installation.start(['serve']);
          await until('the slot is enqueued', async () => (await fleet.state(slot)) === 'waiting');
          await fleet.redis.flushall();
          assert.deepEqual(
            [await fleet.state(slot), await count()],
            ['unknown', { schedulers: 0, ahead: 0 }],
          );
          await until(
            'the slot is enqueued again',
            async () => (await fleet.state(slot)) === 'waiting',
            60_000,
          );
          assert.deepEqual(await count(), { schedulers: 1, ahead: 1 });
          const worker = await installation.start(['worker']);
          await fleet.outcome(slot);
          assert.deepEqual(await ledger.read('shop'), { seenTo: due, missed: 0, paused: undefined });
          const listed = await installation.run('list', '--json');
          assert.equal(listed.code, 0, listed.stderr);
          for (const id of [older, slot]) assert.ok(listed.stdout.includes(id), listed.stdout);
          for (const each of [producer, worker]) assert.equal(await each.stop(), 0);
        });
      });
    }));
});

/** Has every one of those databases backed up at the same slot; gives the newest slot that is due. */
async function schedule({ postgres, configure }: Installation, names: readonly string[]): Promise<Date> {
  const url = postgres.url(await postgres.createDatabase());
  const { schedule, due } = hourly();
  const databases = names.map((name) => [name, { engine: 'postgres', url, schedule }]);
  await configure({ databases: Object.fromEntries(databases) });
  return due;
}

async function metricsOf({ log }: Running): Promise<string> {
  const line = log()
    .split('\n')
    .find((each) => each.includes('"producer ready"'));
  return (await fetch(`${JSON.parse(line ?? '{}').metrics}/metrics`)).text();
}

/** Milliseconds after which a producer that has said all it has to say is ended. */
const patience = 3_000;

/** A producer that ends instead of sending some message to Redis, by SIGKILL or SIGTERM. */
async function endOne({ start, env }: Installation, seeded: Seeded): Promise<void> {
  const [after, signal] = [seeded.below(60), seeded.below(2) === 0 ? 'SIGKILL' : 'SIGTERM'] as const;
  const link = await openRedisLink(env.REDIS_URL ?? '');
  try {
    const reached = new Promise<void>((resolve) => {
      let sent = 0;
      link.watch('requests', () => {
        sent += 1;
        if (sent <= after) return 'pass';
        resolve();
        return 'hold';
      });
    });
    const producer: Running = await start(['serve'], { env: { REDIS_URL: link.url }, ready: /^/ });
    await Promise.race([reached, delay(patience)]);
    const ended = producer.stop(signal);
    // Told to end, it may say what it has to say; killed, it says nothing more.
    if (signal === 'SIGTERM') link.release();
    await ended;
  } finally {
    await link.close();
  }
}
