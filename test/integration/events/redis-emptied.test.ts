import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKnownDatabases } from '../../../src/producer/freshness/known-databases.ts';
import type { RunEvent } from '../../../src/shared/queues/run-event.ts';
import { type EventsBench, readAll, withEvents } from '../../support/events-bench.ts';
import { until } from '../../support/until.ts';

describe('an incident while Redis loses everything', () => {
  it('is not told again, and its end is', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      const { produce, stand, run } = bench;
      let isBroken = true;
      await stand('backups', () => {
        if (isBroken) throw new Error('[DUMP_FAILED] the dump ended with 1');
        return { backupId: 'shop-20260102T030405Z-abc234', attemptId: 'a', bytes: 1, duration: 1 };
      });
      const told: string[] = [];
      const tell = async ({ id }: RunEvent): Promise<void> => {
        // A Redis that is emptied forgets which notifications it had, too.
        if (!id.startsWith('start-')) told.push(id);
      };
      await produce({ tell });
      await readAll(bench, 'backups');
      const first = await run('shop');
      await until('it is told', () => told.length === 1);
      await empty(bench);
      await run('shop');
      isBroken = false;
      const good = await run('shop');
      await readAll(bench, 'backups');
      assert.deepEqual(told, [`failure-${first.id}`, `success-${good.id}`, `recovery-failure-${first.id}`]);
    }));

  it('that nothing ran in is not told again, and its end is', () =>
    withEvents({ databases: { shop: { maxAge: '1h' } } }, async (bench) => {
      const { produce, hire, mend, run, prefix, redis } = bench;
      await hire();
      await mend('shop');
      const told: string[] = [];
      // Two looks may tell the same; an outbox knows it by the id, until Redis is emptied.
      const known = new Set<string>();
      const { events } = await produce({
        tell: async ({ id, kind, incident }) => {
          const isStale = kind === 'stale' || incident?.kind === 'stale';
          if (isStale && !known.has(id)) told.push(kind);
          known.add(id);
        },
      });
      await until('it is told', () => told.length === 1);
      await until('it is recorded', async () => (await redis.hlen(`${prefix}:incidents`)) === 1);
      await empty(bench);
      known.clear();
      await until('it is recorded again', async () => (await redis.hlen(`${prefix}:incidents`)) === 1);
      await readAll(bench, 'backups');
      await run('shop');
      await until('its end is told', () => told.includes('recovery'));
      await events.close();
      assert.deepEqual(told, ['stale', 'recovery']);
    }));
});

it('what servers had is known to producers that start after Redis lost everything', () =>
  withEvents({ databases: { shop: {} } }, async (bench) => {
    const { redis, loaded } = bench;
    const { installation } = loaded.config;
    const [first, second] = [
      createKnownDatabases({ redis, installation }),
      createKnownDatabases({ redis, installation }),
    ];
    await first.remember('main', { at: new Date(1_000), names: ['main.shop'] });
    await empty(bench);
    await first.load();
    await second.load();
    assert.deepEqual([...(second.found('main')?.names ?? [])], ['main.shop']);
  }));

async function empty({ redis, prefix }: EventsBench): Promise<void> {
  const keys = await redis.keys(`${prefix}:*`);
  await redis.del(...keys);
}
