import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createBulk } from '../support/bulk-database.ts';
import { withFleet } from '../support/fleet.ts';
import { hangDump } from '../support/hung-dump.ts';
import { quickQueue, type Running } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { withOwnRedis } from '../support/own-redis.ts';
import { until } from '../support/until.ts';
import { startsOf } from '../support/worker-log.ts';

it('a Redis that is full in the middle of a run is told by /readyz and in few lines; the run commits once when there is room', () =>
  withOwnRedis(async (installation) => {
    const { postgres, configure, start } = installation;
    const source = await createBulk(postgres, 16);
    await configure({ databases: { shop: { engine: 'postgres', url: postgres.url(source) } } });
    await withFleet(installation, async (fleet) => {
      const [producer, worker] = [await start(['serve']), await start(['worker'])];
      const backupId = await fleet.backup('shop');
      const wake = await hangDump(postgres, source);
      try {
        await fleet.redis.config('SET', 'maxmemory', '1');
        for (const each of [producer, worker])
          await until('it is not ready', async () => !(await readiness(each)).ok);
        await delay(2 * quickQueue.lockDuration);
        for (const each of [producer, worker]) {
          const response = await readiness(each);
          assert.equal(response.status, 503);
          assert.match(await response.text(), /^Redis refuses writes: OOM /m);
        }
      } finally {
        await fleet.redis.config('SET', 'maxmemory', '0');
        wake();
      }
      for (const each of [producer, worker])
        await until('it is ready again', async () => (await readiness(each)).ok);
      const { attemptId } = await fleet.outcome(backupId);
      const starts = startsOf(worker, backupId);
      assert.ok(starts.length <= 2, `the run started ${starts.length} times`);
      assert.equal(attemptId, starts.at(-1)?.attemptId);
      for (const each of [producer, worker]) {
        assertFewLines(each);
        assert.equal(await each.stop(), 0);
      }
      await assertInvariants(installation, { committed: [backupId], leftovers: 'none' });
    });
  }));

function readiness({ log }: Running): Promise<Response> {
  const line = log()
    .split('\n')
    .find((each) => / ready"/.test(each));
  return fetch(`${JSON.parse(line ?? '{}').metrics}/readyz`);
}

function assertFewLines({ log }: Running): void {
  for (const [second, lines] of Map.groupBy(log().match(/T[\d:]{8}/g) ?? [], (each) => each))
    assert.ok(lines.length < 10, `${lines.length} lines at ${second}:\n${log()}`);
}
