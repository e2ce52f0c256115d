import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readManifest } from '../../src/pipeline/catalog/catalog.ts';
import { sweep } from '../../src/pipeline/sweep.ts';
import { createBulk } from '../support/bulk-database.ts';
import { type Member, withCrew } from '../support/crew.ts';
import { withFleet } from '../support/fleet.ts';
import { withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { makeTools } from '../support/misbehaving-tools.ts';
import { everyPartIsStored, manifestIsStored, storedDigests } from '../support/stored.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;

describe('a worker that is killed around the commit', () => {
  it('leaves orphans when everything but the manifest is stored; the next attempt commits, and a sweep takes only orphans', () =>
    withInstallation(async (installation) => {
      const url = installation.postgres.url(await createBulk(installation.postgres, 1));
      await installation.configure({ databases: { shop: { engine: 'postgres', url } } });
      await withFleet(installation, (fleet) =>
        withCrew(installation, async (crew) => {
          const first = await crew.hire();
          const interrupted = await fleet.backup('shop');
          await cutOff(first, () => everyPartIsStored(installation, interrupted));
          const dead = await fleet.attemptAtWork('shop');
          await crew.kill(first);
          assert.equal(manifestIsStored(installation, interrupted), false);
          const orphans = (await installation.stored()).filter((key) => key.includes('/data/'));
          const parts = ['RESTORE.md', 'data.dump.zst', 'globals.sql.zst'];
          assert.deepEqual(
            orphans,
            parts.map((part) => `shop/data/${interrupted}/${dead}/${part}`),
          );

          const second = await crew.hire();
          assert.notEqual((await fleet.outcome(interrupted)).attemptId, dead);
          const live = await fleet.backup('shop');
          await cutOff(second, () => everyPartIsStored(installation, live));
          const before = await storedDigests(installation);
          const attempts = new Set([(await fleet.attemptAtWork('shop')) ?? '']);
          await leaveUnfinishedClaim(installation.backups);
          const { storage } = fleet;
          const swept = await sweep({ storage, database: 'shop', olderThan: soon(), live: attempts, signal });
          assert.equal(swept, orphans.length + 1);
          for (const orphan of orphans) assert.ok(before.delete(orphan));
          assert.deepEqual(await storedDigests(installation), before);

          second.link.release();
          await fleet.outcome(live);
          await crew.dismiss();
          await assertInvariants(installation, { committed: [interrupted, live], leftovers: 'none' });
        }),
      );
    }));

  it('has done its work when the manifest is stored: the next attempt completes the run without another dump', () =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, stored } = installation;
      const dumps = join(path, 'dumps');
      const tools = await makeTools(join(path, 'tools'), {
        pg_dump: `echo dump >> '${dumps}'; exec "$REAL" "$@"`,
      });
      const url = postgres.url(await createBulk(postgres, 1));
      await configure({
        databases: { shop: { engine: 'postgres', url } },
        tools: { path: [tools] },
      });
      await withFleet(installation, (fleet) =>
        withCrew(installation, async (crew) => {
          const first = await crew.hire();
          const backupId = await fleet.backup('shop');
          await cutOff(first, () => manifestIsStored(installation, backupId));
          await until(
            'the catalog holds the manifest alone',
            async () => !(await stored()).some((key) => key.endsWith('.bkd-tmp')),
          );
          await crew.kill(first);
          assert.equal(await fleet.state(backupId), 'active');
          const { attemptId } = await readManifest({ storage: fleet.storage, backupId, signal });
          const before = await storedDigests(installation);

          await crew.hire();
          assert.equal((await fleet.outcome(backupId)).attemptId, attemptId);
          assert.equal((await fleet.job(backupId)).attemptsStarted, 2);
          assert.equal(await readFile(dumps, 'utf8'), 'dump\n');
          assert.deepEqual(await storedDigests(installation), before);
          await crew.dismiss();
          await assertInvariants(installation, { committed: [backupId], leftovers: 'none' });
        }),
      );
    }));
});

/** From the first message on that a worker sends when the condition holds, nothing of what it sends reaches Redis. */
async function cutOff({ link }: Member, condition: () => boolean): Promise<void> {
  link.watch('requests', () => (condition() ? 'hold' : 'pass'));
  await until('the worker is cut off from Redis', () => link.holds('requests'));
}

/** What a worker leaves that dies while it marks a new storage as this installation's. */
async function leaveUnfinishedClaim(backups: string): Promise<void> {
  await writeFile(join(backups, '.backupdata.json.abcdefgh.bkd-tmp'), '{');
}

/** Later than anything that is stored now. */
function soon(): Date {
  return new Date(Date.now() + 1_000);
}
