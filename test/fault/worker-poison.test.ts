import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBulk } from '../support/bulk-database.ts';
import { assertComplaint } from '../support/complaint.ts';
import { withFleet } from '../support/fleet.ts';
import { type Installation, type Running, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { makeTools } from '../support/misbehaving-tools.ts';
import { until } from '../support/until.ts';
import type { LoggedLine } from '../support/worker-log.ts';

/** As the configuration has it where nothing else is said: two workers may be lost, not three. */
const mostStarts = 3;

describe('a run that kills every worker that starts it', () => {
  it('fails with WORKER_LOST after three starts, and the next run of its database works', () =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, run } = installation;
      const [poison, starts] = [join(path, 'poison'), join(path, 'starts')];
      const lines = `if [ -e '${poison}' ]; then echo start >> '${starts}'; kill -KILL $PPID; fi; exec "$REAL" "$@"`;
      const tools = await makeTools(join(path, 'tools'), { pg_dump: lines });
      const url = postgres.url(await createBulk(postgres, 1));
      await configure({ databases: { shop: { engine: 'postgres', url } }, tools: { path: [tools] } });
      await withFleet(installation, async (fleet) => {
        await writeFile(poison, '');
        let ended = false;
        const asked = run('backup', 'shop').finally(() => {
          ended = true;
        });
        const survivor = await startUntilOneLives(installation, () => ended);
        assertComplaint(await asked, {
          code: 'WORKER_LOST',
          message: /the worker that ran shop-.* was lost/,
        });
        assert.equal(await readFile(starts, 'utf8'), 'start\n'.repeat(mostStarts));
        const [told, ...others] = errorsOf(survivor);
        assert.deepEqual(others, []);
        assert.match(told?.backupId ?? '', /^shop-/);
        assert.match(told?.attemptId ?? '', /^a/);
        assert.deepEqual(
          [told?.message, told?.error?.code, told?.database],
          ['backup failed', 'WORKER_LOST', 'shop'],
        );

        await rm(poison);
        const healthy = await fleet.backup('shop');
        await fleet.outcome(healthy);
        assert.equal(await survivor.stop(), 0);
        await assertInvariants(installation, { committed: [healthy], leftovers: 'for the sweep' });
      });
    }));
});

function errorsOf({ log }: Running): LoggedLine[] {
  const lines = log()
    .split('\n')
    .filter((line) => line.includes('"level":"error"'));
  return lines.map((line): LoggedLine => JSON.parse(line));
}

/** Starts workers, each when the one before it died, until one is alive while the condition holds. */
async function startUntilOneLives(installation: Installation, condition: () => boolean): Promise<Running> {
  for (let started = 0; started <= mostStarts; started += 1) {
    const worker = await installation.start(['worker']);
    await until(
      'the worker dies, or the run has failed',
      () => worker.child.signalCode !== null || condition(),
    );
    if (worker.child.signalCode === null) return worker;
  }
  return assert.fail(`${mostStarts + 1} workers died`);
}
