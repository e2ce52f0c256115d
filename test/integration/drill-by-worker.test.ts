import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openQueue } from '../../src/shared/queues/queue.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { Secret } from '../../src/shared/secret.ts';
import { assertComplaint } from '../support/complaint.ts';
import { backUpShop, createDriller, recorded } from '../support/drill.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';

it('a drill is for the workers of the pool of its server, and for no other server than was meant', () =>
  withInstallation(async (installation) => {
    const { configure, start, run } = installation;
    const { databases, driller } = await shopAndLab(installation, {});
    await configure({ databases });
    await backUpShop(installation);
    const eu = await start(['worker', '--pool', 'lab']);
    const proven = await run('verify', 'shop', '--level', 'restore', '--target', 'lab', '--json');
    assert.equal(proven.code, 0, proven.stderr);
    assert.equal(proven.json<{ level: string }>().level, 'restore');
    assert.equal((await recorded(installation, 'restore')).length, 1);

    // The worker still means the server that it was started with.
    await configure({
      databases: { ...databases, lab: { ...databases.lab, url: installation.postgres.adminUrl } },
    });
    assertComplaint(await run('verify', 'shop', '--level', 'restore', '--target', 'lab'), {
      code: 'CONFIG_DRIFT',
      message: /means another server or user by the database "lab"/,
    });
    assert.equal((await recorded(installation, 'restore')).length, 1);
    assert.deepEqual(await driller.scratch(), []);
    assert.equal(await eu.stop(), 0);
  }));

it('`up` proves backups by schedule, one that was never proven first', () =>
  withInstallation(async (installation) => {
    const { configure, start, run, env, prefix } = installation;
    const schedule = '30 2 1 1 *';
    const { databases, driller } = await shopAndLab(installation, {
      verify: { level: 'restore', target: 'lab', schedule },
    });
    await configure({ databases });
    const backups = [await backUpShop(installation), await backUpShop(installation)];
    const up = await start(['up']);
    const redis = connectRedis({
      url: new Secret(env.REDIS_URL ?? ''),
      role: 'worker',
      onError: () => undefined,
    });
    await redis.connect();
    const queue = openQueue('schedules', { redis, installation: prefix.slice(12, -1) });
    try {
      for (const backupId of backups.toReversed()) {
        await until('a tick waits', async () => (await queue.getDelayedCount()) === 1);
        const [tick] = await queue.getDelayed();
        await tick?.promote();
        await until(
          `${backupId} is proven`,
          async () => (await recorded(installation, 'restore')).some(({ key }) => key.includes(backupId)),
          30_000,
        );
      }
    } finally {
      await queue.close();
      redis.disconnect();
    }
    const listed = await run('list', '--json');
    for (const { verification } of listed.json<{ backups: { verification: string }[] }>().backups)
      assert.match(verification, /^restored in \d+s$/);
    assert.deepEqual(await driller.scratch(), []);
    assert.equal(await up.stop(), 0);
  }));

async function shopAndLab({ postgres }: Installation, shop: Record<string, unknown>) {
  const source = await postgres.createDatabase();
  await query(postgres.url(source), 'CREATE TABLE item AS SELECT generate_series(1, 10) AS id');
  const driller = await createDriller(postgres);
  return {
    driller,
    databases: {
      shop: { engine: 'postgres', url: postgres.url(source), ...shop },
      lab: { engine: 'postgres', url: driller.url, pool: 'lab' },
    },
  };
}
