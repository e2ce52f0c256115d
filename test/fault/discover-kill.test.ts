import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newBackupId } from '../../src/shared/ids.ts';
import { type Member, withCrew } from '../support/crew.ts';
import { withDiscovering } from '../support/discovering.ts';
import { quickQueue } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { chooseSeed, createSeeded } from '../support/seeded.ts';
import { type WholeServer, withWholeServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const queue = { ...quickQueue, stalledInterval: quickQueue.lockDuration / 4 };
const names = Array.from({ length: 10 }, (_, index) => `main.d${index}`);

describe('a worker that is killed while it enqueues the runs of a server', () => {
  it('costs no database its run and gives none two, of a slot', (test) =>
    withTenDatabases(async ({ installation }) => {
      const at = chooseKill(test);
      await withDiscovering(installation, ({ askFor, outcome }) =>
        withCrew(installation, async (crew) => {
          const doomed = await crew.hire();
          const killed = killAt(doomed, at, () => crew.kill(doomed));
          const slot = new Date('2026-01-02T03:00:00.000Z');
          const { jobId } = await askFor(slot, 'discover-main-20260102T030000Z-abcdef');
          await killed;
          await crew.hire();
          const { runs } = await outcome(jobId);
          const expected = names.map((database) => ({
            database,
            jobId: newBackupId({ database, at: slot, slot }),
          }));
          assert.deepEqual(
            runs.map(({ database, jobId: run }) => ({ database, jobId: run })),
            expected,
          );
          await until('all are backed up', async () => (await idsIn(installation)).length >= names.length);
          await crew.dismiss();
          const committed = expected.map(({ jobId: backupId }) => backupId);
          await assertInvariants(installation, { committed, leftovers: 'for the sweep' });
        }),
      );
    }));

  it('costs no database its run and gives none two, of a person who waits', (test) =>
    withTenDatabases(async ({ installation }) => {
      const at = chooseKill(test);
      await withCrew(installation, async (crew) => {
        const doomed = await crew.hire();
        const killed = killAt(doomed, at, () => crew.kill(doomed));
        const asked = installation.run('backup', 'main', '--json');
        await killed;
        await crew.hire();
        const done = await asked;
        assert.equal(done.code, 0, done.stderr);
        const { runs } = done.json<{ runs: { database: string; backupId: string }[] }>();
        assert.deepEqual(
          runs.map(({ database }) => database),
          names,
        );
        await crew.dismiss();
        const committed = runs.map(({ backupId }) => backupId);
        await assertInvariants(installation, { committed, leftovers: 'for the sweep' });
      });
    }));
});

async function withTenDatabases(use: (whole: WholeServer) => Promise<void>): Promise<void> {
  await withWholeServer(async (whole) => {
    for (const name of names) await whole.create(name.slice('main.'.length));
    await whole.configure({ discover: { include: ['d*'] } }, { queue });
    await use(whole);
  });
}

/** How many databases the worker names to Redis before it dies. */
function chooseKill(test: { diagnostic(message: string): void }): number {
  const seeded = createSeeded(chooseSeed());
  const at = 1 + seeded.below(names.length);
  test.diagnostic(`TEST_SEED=${seeded.seed}: killed when it names database ${at} of ${names.length}`);
  return at;
}

/** Kills the worker before its request that names the run of one more database passes; resolves when it is gone. */
function killAt({ link }: Member, at: number, kill: () => Promise<unknown>): Promise<unknown> {
  const named = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<unknown>();
  link.watch('requests', (chunk) => {
    for (const [name] of chunk.toString('latin1').matchAll(/main\.d\d+(?=-\d{8}T)/g)) named.add(name);
    if (named.size < at) return 'pass';
    resolve(kill());
    return 'hold';
  });
  return promise;
}

async function idsIn({ run }: WholeServer['installation']): Promise<string[]> {
  const listed = await run('list', '--json');
  return listed.json<{ backups: { backupId: string }[] }>().backups.map(({ backupId }) => backupId);
}
