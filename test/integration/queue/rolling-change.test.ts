import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleDatabase } from '../../support/database.ts';
import { runAt, scene, withProducers } from '../../support/producers.ts';
import { until } from '../../support/until.ts';

// While a change of the configuration is rolled out some producers have the one before, and each writes its own to Redis.

describe('producers of which some have the configuration before', () => {
  it('lose no slot of the new schedule to the old one that is written back in between', () =>
    withProducers(async (producers) => {
      const { start, configOf, setClock, definitions, jobs, ledger } = producers;
      const { old, changed, at } = scene();
      setClock(at(20));
      await ledger.advance('shop', { from: undefined, to: at(0), missed: 0 });
      const before = start(() => configOf(sampleDatabase({ schedule: old })));
      const holds = (schedule: string) =>
        until(
          `Redis holds ${schedule}`,
          async () => (await definitions())['backup:shop'] === `${schedule} UTC`,
        );
      await holds(old);
      const after = start(() => configOf(sampleDatabase({ schedule: changed })));
      await holds(changed);
      before.look();
      await holds(old);
      // The slot of the new one comes while Redis holds the old one.
      setClock(at(30, 20));
      after.look();
      await holds(changed);
      await until('the slot is run', async () => (await jobs()).includes(runAt(at(30))));
      before.look();
      after.look();
      await until(
        'all is told',
        async () => (await ledger.read('shop')).seenTo?.getTime() === at(30).getTime(),
      );
      assert.deepEqual(await jobs(), [runAt(at(30))]);
    }));

  it('lose no slot of a database that one of them takes out of Redis, because it does not know it', () =>
    withProducers(async (producers) => {
      const { start, configOf, setClock, definitions, jobs, missed } = producers;
      const { old: schedule, at } = scene();
      setClock(at(-30));
      const shop = sampleDatabase({ schedule });
      const after = start(() => configOf(shop));
      const isThere = async () => (await definitions())['backup:shop'] !== undefined;
      await until('Redis holds it', isThere);
      start(() => configOf());
      await until('it is taken out', async () => !(await isThere()));
      setClock(at(0, 20));
      after.look();
      await until('the slot is run', async () => (await jobs()).includes(runAt(at(0))));
      assert.ok(await isThere());
      assert.deepEqual(missed, []);
    }));
});
