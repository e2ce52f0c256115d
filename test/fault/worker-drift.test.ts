import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBulk } from '../support/bulk-database.ts';
import { assertComplaint } from '../support/complaint.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { type Installation, quickQueue, type Running, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { until } from '../support/until.ts';

describe('a worker that knows another database by the name, or none', () => {
  for (const what of ['another', 'none'] as const) {
    it(`puts the run off, and in the end fails it with CONFIG_DRIFT: ${what}`, () =>
      withDrift(what, async ({ installation, drifted }) => {
        const askedAt = performance.now();
        const result = await installation.run('backup', 'shop');
        const waited = performance.now() - askedAt;
        const message =
          what === 'another'
            ? /means another server or user by the database "shop"/
            : /does not have the database "shop"/;
        assertComplaint(result, { code: 'CONFIG_DRIFT', message });
        assert.ok(waited >= quickQueue.drift.giveUp, `it gave up after ${waited} ms`);
        assert.equal(await drifted.stop(), 0);
        assert.deepEqual(await installation.stored(), []);
        await assertInvariants(installation, { committed: [], leftovers: 'none' });
      }));
  }

  it('leaves the run whole for the worker that comes with the right configuration', () =>
    withDrift('another', async ({ installation, fleet, drifted }) => {
      const backupId = await fleet.backup('shop');
      await until('the run is put off', async () => (await fleet.state(backupId)) === 'delayed');
      assert.equal(await drifted.stop(), 0);
      const right = await installation.start(['worker']);
      await fleet.outcome(backupId);
      assert.equal((await fleet.job(backupId)).attemptsMade, 1);
      assert.equal(await right.stop(), 0);
      await assertInvariants(installation, { committed: [backupId], leftovers: 'none' });
    }));
});

interface Drift {
  installation: Installation;
  fleet: Fleet;
  drifted: Running;
}

/** The producer means one database by `shop`; the only worker's configuration is another one. */
async function withDrift(what: 'another' | 'none', use: (drift: Drift) => Promise<void>): Promise<void> {
  await withInstallation(async (installation) => {
    const { path, backups, postgres, configure, start } = installation;
    const right = { engine: 'postgres', url: postgres.url(await createBulk(postgres, 1)) };
    const wrong = { engine: 'postgres', url: postgres.url(await postgres.createDatabase()) };
    await configure({ databases: { shop: right } });
    const databases = what === 'another' ? { shop: wrong } : { crm: wrong };
    const config = { storages: { main: { type: 'local', path: backups } }, queue: quickQueue, databases };
    await writeFile(join(path, 'drifted.yaml'), JSON.stringify(config));
    const drifted = await start(['worker', '--config', 'drifted.yaml']);
    await withFleet(installation, (fleet) => use({ installation, fleet, drifted }));
  });
}
