import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createBulk } from '../support/bulk-database.ts';
import { assertNoCrash } from '../support/complaint.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { hangDump } from '../support/hung-dump.ts';
import { quickQueue, type Running, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { storedBytes } from '../support/stored.ts';
import { until } from '../support/until.ts';
import { startsOf, strayLines } from '../support/worker-log.ts';

const { lockDuration } = quickQueue;

describe('a run whose Redis is killed with SIGKILL and comes back with its append-only file', () => {
  it('goes on, and commits once, when that takes less than half a lock', () =>
    withRedisKilled(async ({ redis, worker, fleet, backupId }) => {
      const downAt = performance.now();
      await redis.kill('SIGKILL');
      await redis.restart();
      const down = performance.now() - downAt;
      const { attemptId } = await fleet.outcome(backupId);
      const starts = startsOf(worker, backupId);
      assert.ok(
        down >= lockDuration / 2 || starts.length === 1,
        `Redis was away for ${down} ms; the run started ${starts.length} times`,
      );
      assert.equal(attemptId, starts.at(-1)?.attemptId);
    }));

  it('is started at most once more, and commits once, when that takes longer than its lock', () =>
    withRedisKilled(async ({ redis, worker, fleet, backupId }) => {
      await redis.kill('SIGKILL');
      await delay(1.5 * lockDuration);
      await redis.restart();
      const { attemptId } = await fleet.outcome(backupId);
      const starts = startsOf(worker, backupId);
      assert.ok(starts.length <= 2, `the run started ${starts.length} times`);
      assert.equal(attemptId, starts.at(-1)?.attemptId);
    }));
});

interface Scene {
  redis: TestRedis;
  worker: Running;
  fleet: Fleet;
  backupId: string;
}

/** A run is in the middle of its dump when `use` is called, and a command waits for the one behind it. The dump goes on when Redis is back. */
async function withRedisKilled(use: (scene: Scene) => Promise<void>): Promise<void> {
  const redis = await startRedis({ appendonly: true });
  try {
    await withInstallation(
      async (installation) => {
        const { postgres, configure, run, start } = installation;
        const source = await createBulk(postgres, 16);
        await configure({ databases: { shop: { engine: 'postgres', url: postgres.url(source) } } });
        await withFleet(installation, async (fleet) => {
          const worker = await start(['worker']);
          const backupId = await fleet.backup('shop');
          await until(
            'a part of the dump is stored',
            async () => (await storedBytes(installation, backupId)) > 0,
          );
          const wake = await hangDump(postgres, source);
          const asked = run('backup', 'shop');
          await until('another run is asked for', async () => (await fleet.successor('shop')) !== undefined);
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
          assertNoCrash(await asked);
          assert.equal((await asked).code, 0, (await asked).stderr);
          assert.equal(await worker.stop(), 0);
          assert.deepEqual(strayLines(worker), []);
          await assertInvariants(installation, { committed: [backupId, later], leftovers: 'none' });
        });
      },
      { redisUrl: redis.url },
    );
  } finally {
    await redis.stop();
  }
}
