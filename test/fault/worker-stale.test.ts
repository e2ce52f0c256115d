import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBulk } from '../support/bulk-database.ts';
import { type Crew, type Member, withCrew } from '../support/crew.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { everyPartIsStored, storedBytes, storedDigests } from '../support/stored.ts';
import { until } from '../support/until.ts';
import { linesOf, startsOf } from '../support/worker-log.ts';

const mebibyte = 1024 * 1024;

describe('a worker that comes back after another has taken its run over', () => {
  it('stopped in the middle of the dump, it writes no manifest and leaves nothing', () =>
    outlived({
      mebibytes: 16,
      stall: async ({ worker }, installation, backupId) => {
        await until(
          'a part of the dump is stored',
          async () => (await storedBytes(installation, backupId)) > mebibyte,
        );
        worker.child.kill('SIGSTOP');
        assert.equal(everyPartIsStored(installation, backupId), false);
      },
      wake: ({ worker }) => worker.child.kill('SIGCONT'),
    }));

  it('stopped after the fence had let it commit, it keeps its hands off the other manifest and leaves nothing', () =>
    outlived({
      mebibytes: 1,
      stall: async ({ worker, link }, installation, backupId) => {
        const stalled = Promise.withResolvers<void>();
        let granted = false;
        link.watch('requests', (chunk) => {
          // Redis grants the fence, the answer waits for a process that is stopped, and that will not hear of its lock again.
          if (granted) return 'hold';
          granted = everyPartIsStored(installation, backupId) && chunk.includes(`${backupId}:lock`);
          if (!granted) return 'pass';
          worker.child.kill('SIGSTOP');
          stalled.resolve();
          return 'pass';
        });
        await stalled.promise;
      },
      wake: ({ worker }) => worker.child.kill('SIGCONT'),
    }));

  it('cut off from Redis when all but the manifest was stored, it is refused by the fence and leaves nothing', () =>
    outlived({
      mebibytes: 1,
      stall: async ({ link }, installation, backupId) => {
        link.watch('requests', () => (everyPartIsStored(installation, backupId) ? 'hold' : 'pass'));
        await until('the worker is cut off', () => link.holds('requests'));
      },
      wake: ({ link }) => link.release(),
    }));
});

interface Outlived {
  mebibytes: number;
  /** Takes the worker out of the game at some point of its run. */
  stall: (first: Member, installation: Installation, backupId: string) => Promise<void>;
  wake: (first: Member) => void;
}

/** One worker stalls, a second one finishes its run, the first one wakes: the storage must not change, and both go on working. */
async function outlived({ mebibytes, stall, wake }: Outlived): Promise<void> {
  await withInstallation(async (installation) => {
    const url = installation.postgres.url(await createBulk(installation.postgres, mebibytes));
    await installation.configure({ databases: { shop: { engine: 'postgres', url } } });
    await withFleet(installation, (fleet) =>
      withCrew(installation, async (crew) => {
        const first = await crew.hire();
        const backupId = await fleet.backup('shop');
        await stall(first, installation, backupId);
        const staleAttempt = await fleet.attemptAtWork('shop');
        const { attemptId } = await takeOver({ crew, fleet, backupId });
        assert.notEqual(attemptId, staleAttempt);
        const committed = await committedDigests(installation, staleAttempt);

        wake(first);
        await until(
          'the stale attempt is gone',
          async () => !(await installation.stored()).some((key) => key.includes(`/${staleAttempt}/`)),
        );
        first.link.release();
        await until('its worker is done with it', () => hasEnded(first, backupId));
        assert.deepEqual(await storedDigests(installation), committed);
        assert.equal(await fleet.state(backupId), 'completed');
        assert.equal((await fleet.outcome(backupId)).attemptId, attemptId);

        const next = await fleet.backup('shop');
        await fleet.outcome(next);
        await crew.dismiss();
        await assertInvariants(installation, { committed: [backupId, next], leftovers: 'none' });
      }),
    );
  });
}

/** The second worker comes when the first has stalled, and starts the run once its lock has ended. */
async function takeOver({
  crew,
  fleet,
  backupId,
}: {
  crew: Crew;
  fleet: Fleet;
  backupId: string;
}): Promise<{ attemptId: string }> {
  const second = await crew.hire();
  const result = await fleet.outcome(backupId);
  assert.equal(startsOf(second.worker, backupId).length, 1);
  return result;
}

async function committedDigests(
  installation: Installation,
  staleAttempt: string | null,
): Promise<Map<string, string>> {
  const digests = await storedDigests(installation);
  return new Map([...digests].filter(([key]) => !key.includes(`/${staleAttempt}/`)));
}

function hasEnded({ worker }: Member, backupId: string): boolean {
  return linesOf(worker, backupId).some(
    ({ message }) => message === 'backup failed' || message === 'backup committed',
  );
}
