import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCode } from '../../src/shared/errors.ts';
import { createBulk } from '../support/bulk-database.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { hangMidway } from '../support/hung-dump.ts';
import { type Installation, type Running, withInstallation } from '../support/installation.ts';
import { assertInvariants, assertNoProcess } from '../support/invariants.ts';
import { metricsOf } from '../support/metrics.ts';
import { until } from '../support/until.ts';
import { type LoggedLine, linesOf, startsOf } from '../support/worker-log.ts';

/** Milliseconds: a worker looks for a cancellation once a second, ending the tools may take as long again; half a second for a busy machine. */
const cancelsWithin = 2_500;

describe('a run that is ended from outside', () => {
  it('fails with CANCELLED within about two seconds, is not tried again and leaves nothing', () =>
    withRunMidway(async ({ installation, fleet, worker, backupId, wake }) => {
      const toldAt = performance.now();
      assert.equal(await fleet.cancel(backupId), 'told');
      await assert.rejects(
        fleet.outcome(backupId),
        (error) => hasCode(error, 'CANCELLED') && error.message === 'cancelled by a test',
      );
      const took = performance.now() - toldAt;
      assert.ok(took <= cancelsWithin, `it took ${took} ms`);
      assert.equal((await fleet.job(backupId)).attemptsMade, 1);
      assert.equal(await fleet.attemptAtWork('shop'), null);
      assert.deepEqual(await installation.stored(), ['backupdata.json']);
      wake();

      const next = await fleet.backup('shop');
      await fleet.outcome(next);
      assert.equal(startsOf(worker, backupId).length, 1);
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [next], leftovers: 'none' });
    }));

  it('ends without a manifest when it loses its lock, and the next attempt commits once', () =>
    withRunMidway(async ({ installation, fleet, worker, backupId, wake }) => {
      const robbed = await fleet.attemptAtWork('shop');
      assert.equal(await fleet.redis.del(fleet.lockKey(backupId)), 1);
      await until('the attempt has ended', () => failureOf(worker, backupId) !== undefined);
      assert.equal(failureOf(worker, backupId)?.code, 'LOCK_LOST');
      assert.deepEqual(
        (await installation.stored()).filter((key) => key.includes(`/${robbed}/`)),
        [],
      );
      wake();

      assert.notEqual((await fleet.outcome(backupId)).attemptId, robbed);
      assert.equal(startsOf(worker, backupId).length, 2);
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [backupId], leftovers: 'none' });
    }));

  const hung: [string, Limits, RegExp][] = [
    ['that moves no byte for `timeouts.noBytes`', { noBytes: '2s' }, /no byte moved for 2 s/],
    ['that takes longer than `maxDuration`', { maxDuration: '6s' }, /longer than maxDuration \(6 s\)/],
  ];
  for (const [what, limits, message] of hung)
    it(`${what} ends with TIMEOUT, leaves nothing, and is tried again`, () =>
      withRunMidway(async ({ installation, fleet, worker, backupId, wake }) => {
        const hanging = await fleet.attemptAtWork('shop');
        await until('the attempt has ended', () => failureOf(worker, backupId) !== undefined);
        const failure = failureOf(worker, backupId);
        assert.equal(failure?.code, 'TIMEOUT');
        assert.match(failure.message, message);
        assert.deepEqual(
          (await installation.stored()).filter((key) => key.includes(`/${hanging}/`)),
          [],
        );
        wake();

        assert.notEqual((await fleet.outcome(backupId)).attemptId, hanging);
        assert.equal(startsOf(worker, backupId).length, 2);
        assert.equal(await worker.stop(), 0);
        await assertInvariants(installation, { committed: [backupId], leftovers: 'none' });
      }, limits));

  it('takes its tools along when its worker is killed, even those that wait for a server that hangs', () =>
    withRunMidway(async ({ installation, fleet, worker, backupId, wake }) => {
      const lost = await fleet.attemptAtWork('shop');
      await worker.stop('SIGKILL');
      await assertNoProcess(installation);
      wake();

      const next = await installation.start(['worker']);
      await fleet.outcome(backupId);
      const told = linesOf(next, backupId).find(({ message }) => message.startsWith('a worker was lost'));
      assert.deepEqual([told?.attemptId, told?.database], [lost, 'shop']);
      const attempts = 'backup_attempts_total{database="shop",engine="postgres"';
      assert.equal((await metricsOf(next)).get(`${attempts},outcome="lost"}`), 1);
      assert.equal(await next.stop(), 0);
      await assertInvariants(installation, { committed: [backupId], leftovers: 'for the sweep' });
    }));
});

interface Limits {
  noBytes?: string;
  maxDuration?: string;
}

interface RunMidway {
  installation: Installation;
  fleet: Fleet;
  worker: Running;
  backupId: string;
  wake: () => void;
}

/** A worker in the middle of a dump whose server hangs until it is woken. */
async function withRunMidway(
  use: (run: RunMidway) => Promise<void>,
  { noBytes = '30m', maxDuration = '24h' }: Limits = {},
): Promise<void> {
  await withInstallation(async (installation) => {
    const { postgres, configure, start } = installation;
    const source = await createBulk(postgres, 16);
    const shop = { engine: 'postgres', url: postgres.url(source), maxDuration };
    await configure({ databases: { shop }, timeouts: { noBytes } });
    await withFleet(installation, async (fleet) => {
      const worker = await start(['worker']);
      const backupId = await fleet.backup('shop');
      const wake = await hangMidway(installation, { backupId, source });
      try {
        await use({ installation, fleet, worker, backupId, wake });
      } finally {
        wake();
      }
    });
  });
}

function failureOf(worker: Running, backupId: string): LoggedLine['error'] {
  return linesOf(worker, backupId).find(({ message }) => message === 'backup failed')?.error;
}
