import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { copyDatabase, createBulk } from '../support/bulk-database.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { hangMidway } from '../support/hung-dump.ts';
import { type Installation, quickQueue, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { until } from '../support/until.ts';
import { linesOf } from '../support/worker-log.ts';

const mebibyte = 1024 * 1024;
const names = ['shop', 'crm', 'wiki'];

describe('a worker that is told to stop', () => {
  it('hands the runs that last longer than the drain time back untouched, and leaves nothing of them', () => {
    const drain = quickQueue.lockDuration / 2;
    return withLongRuns({ drain }, async ({ installation, fleet, runs, wake }) => {
      const { worker } = runs;
      const toldAt = performance.now();
      assert.equal(await worker.stop(), 0);
      const took = performance.now() - toldAt;
      assert.ok(took >= drain && took <= drain + 5_000, `it took ${took} ms`);
      for (const backupId of runs.backupIds) {
        assert.equal(await fleet.state(backupId), 'waiting');
        const { attemptsMade, attemptsStarted } = await fleet.job(backupId);
        assert.deepEqual({ attemptsMade, attemptsStarted }, { attemptsMade: 0, attemptsStarted: 1 });
        assert.equal(linesOf(worker, backupId).at(-1)?.message, 'handed back to the queue at shutdown');
      }
      for (const name of names) assert.equal(await fleet.attemptAtWork(name), null);
      await assertInvariants(installation, { committed: [], leftovers: 'none' });
      wake();

      const next = await installation.start(['worker', '--concurrency', '3']);
      await Promise.all(runs.backupIds.map((backupId) => fleet.outcome(backupId)));
      assert.equal(await next.stop(), 0);
      await assertInvariants(installation, { committed: runs.backupIds, leftovers: 'none' });
    });
  });

  it('lets the runs finish that end within the drain time, and takes no other', () => {
    const drain = 10 * quickQueue.lockDuration;
    return withLongRuns({ drain }, async ({ installation, fleet, runs, wake }) => {
      const { worker } = runs;
      const stopped = worker.stop();
      await until('the worker is stopping', () => worker.log().includes('worker stopping'));
      wake();
      const [first = ''] = runs.backupIds;
      await fleet.outcome(first);
      const later = await fleet.backup('shop');
      assert.equal(await stopped, 0);
      for (const backupId of runs.backupIds) {
        assert.equal(await fleet.state(backupId), 'completed');
        assert.equal((await fleet.job(backupId)).attemptsStarted, 1);
      }
      assert.equal(await fleet.state(later), 'waiting');
      await assertInvariants(installation, { committed: runs.backupIds, leftovers: 'none' });
    });
  });
});

interface LongRuns {
  worker: Awaited<ReturnType<Installation['start']>>;
  backupIds: string[];
}

/** One worker in the middle of three dumps whose server hangs until it is woken. */
async function withLongRuns(
  { drain }: { drain: number },
  use: (parts: {
    installation: Installation;
    fleet: Fleet;
    runs: LongRuns;
    wake: () => void;
  }) => Promise<void>,
): Promise<void> {
  await withInstallation(async (installation) => {
    const { postgres, configure, start } = installation;
    const original = await createBulk(postgres, 32);
    const sources = [
      original,
      await copyDatabase(postgres, original),
      await copyDatabase(postgres, original),
    ];
    const databases = names.map((name, index) => [
      name,
      { engine: 'postgres', url: postgres.url(sources[index] ?? '') },
    ]);
    await configure({ databases: Object.fromEntries(databases), timeouts: { drain } });
    await withFleet(installation, async (fleet) => {
      const worker = await start(['worker', '--concurrency', '3']);
      const backupIds = await Promise.all(names.map((name) => fleet.backup(name)));
      const wakers = await Promise.all(
        backupIds.map((backupId, index) =>
          hangMidway(installation, { backupId, source: sources[index] ?? '', bytes: mebibyte }),
        ),
      );
      const wake = (): void => wakers.forEach((each) => void each());
      try {
        await use({ installation, fleet, runs: { worker, backupIds }, wake });
      } finally {
        wake();
      }
    });
  });
}
