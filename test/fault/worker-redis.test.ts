import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { newBackupId } from '../../src/shared/ids.ts';
import { copyDatabase, createBulk } from '../support/bulk-database.ts';
import { assertNoCrash } from '../support/complaint.ts';
import { hourly, withSchedules } from '../support/due.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { hangDump, hangMidway } from '../support/hung-dump.ts';
import { quickQueue, type Running } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { withOwnRedis } from '../support/own-redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { startsOf, strayLines } from '../support/worker-log.ts';

const { lockDuration } = quickQueue;
/** A worker is back up to a second after Redis: that must be little of its lock. */
const longLock = { ...quickQueue, lockDuration: 8_000 };

describe('a run whose Redis is killed with SIGKILL and comes back with its append-only file', () => {
  it('goes on, and commits once, when that takes 0.4 of its lock', () =>
    withRedisKilled(async ({ redis, worker, fleet, backupId }) => {
      await redis.kill('SIGKILL');
      await delay(0.4 * longLock.lockDuration);
      await redis.restart();
      const { attemptId } = await fleet.outcome(backupId);
      const starts = startsOf(worker, backupId);
      assert.deepEqual(
        starts.map((start) => start.attemptId),
        [attemptId],
      );
    }, longLock));

  it('is started at most once more, and commits once, when that takes twice its lock', () =>
    withRedisKilled(async ({ redis, worker, fleet, backupId }) => {
      await redis.kill('SIGKILL');
      await delay(2 * lockDuration);
      await redis.restart();
      const { attemptId } = await fleet.outcome(backupId);
      const starts = startsOf(worker, backupId);
      assert.ok(starts.length <= 2, `the run started ${starts.length} times`);
      assert.equal(attemptId, starts.at(-1)?.attemptId);
    }));
});

describe('twenty runs that wait and three that are active when Redis is killed and comes back', () => {
  it('are all there, and each is committed once', () =>
    withOwnRedis(
      async (installation, redis) => {
        const { postgres, configure, start } = installation;
        const bulk = await createBulk(postgres, 16);
        const bulks = [bulk, await copyDatabase(postgres, bulk), await copyDatabase(postgres, bulk)];
        const small = postgres.url(await postgres.createDatabase());
        const { schedule, due } = hourly();
        const [long, short] = [bulks.map((_, index) => `long${index}`), names('short', 20)];
        await configure({
          databases: Object.fromEntries([
            ...bulks.map((name, index) => [long[index], { engine: 'postgres', url: postgres.url(name) }]),
            ...short.map((name) => [name, { engine: 'postgres', url: small, schedule }]),
          ]),
        });
        await withFleet(installation, async (fleet) => {
          const worker = await start(['worker', '--concurrency', '3']);
          const active = await Promise.all(long.map((name) => fleet.backup(name)));
          const wakes = await Promise.all(bulks.map((name) => hangDump(postgres, name)));
          const waiting = short.map((database) => newBackupId({ database, at: due, slot: due }));
          try {
            await withSchedules(installation, async ({ leaveDue }) => leaveDue());
            const producer = await start(['serve']);
            const states = (ids: readonly string[]) => Promise.all(ids.map((id) => fleet.state(id)));
            await until('twenty runs wait', async () =>
              (await states(waiting)).every((state) => state === 'waiting'),
            );
            await redis.kill('SIGKILL');
            await redis.restart();
            await until('Redis answers', async () => (await fleet.redis.ping().catch(() => '')) === 'PONG');
            assert.ok((await states([...active, ...waiting])).every((state) => state !== 'unknown'));
            for (const wake of wakes) wake();
            for (const id of [...active, ...waiting]) await fleet.outcome(id);
            for (const id of active) assert.ok(startsOf(worker, id).length <= 2);
            for (const id of waiting) assert.equal(startsOf(worker, id).length, 1);
            for (const each of [producer, worker]) assert.equal(await each.stop(), 0);
            await assertInvariants(installation, { committed: [...active, ...waiting], leftovers: 'none' });
          } finally {
            for (const wake of wakes) wake();
          }
        });
      },
      { appendonly: true },
    ));
});

function names(stem: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${stem}${index}`);
}

interface Scene {
  redis: TestRedis;
  worker: Running;
  fleet: Fleet;
  backupId: string;
}

/** A run is in the middle of its dump when `use` is called, and a command waits for the one behind it. The dump goes on when Redis is back. */
async function withRedisKilled(use: (scene: Scene) => Promise<void>, queue = quickQueue): Promise<void> {
  await withOwnRedis(
    async (installation, redis) => {
      const { postgres, configure, start } = installation;
      const source = await createBulk(postgres, 16);
      await configure({ databases: { shop: { engine: 'postgres', url: postgres.url(source) } }, queue });
      await withFleet(installation, async (fleet) => {
        const worker = await start(['worker']);
        const backupId = await fleet.backup('shop');
        const wake = await hangMidway(installation, { backupId, source });
        // From then on it follows the run: what it asks for in between is not asked again.
        const asked = await start(['backup', 'shop'], { ready: /a run is active/ });
        const later = (await fleet.successor('shop')) ?? '';
        try {
          await use({
            redis: { ...redis, restart: () => redis.restart().finally(wake) },
            worker,
            fleet,
            backupId,
          });
        } finally {
          wake();
        }
        await until('the command ends', () => asked.child.exitCode !== null, 60_000);
        assertNoCrash({ code: asked.child.exitCode, stdout: '', stderr: asked.log() });
        assert.equal(asked.child.exitCode, 0, asked.log());
        assert.equal(await worker.stop(), 0);
        assert.deepEqual(strayLines(worker), []);
        await assertInvariants(installation, { committed: [backupId, later], leftovers: 'none' });
      });
    },
    { appendonly: true },
  );
}
