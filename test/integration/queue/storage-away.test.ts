import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DatabaseConfig } from '../../../src/shared/config/schema.ts';
import { storeManifest } from '../../support/catalog-objects.ts';
import { sampleDatabase } from '../../support/database.ts';
import { runAt, scene, withProducers } from '../../support/producers.ts';
import { until } from '../../support/until.ts';

const hangs = (): Promise<never> => new Promise(() => undefined);
const away = async (): Promise<never> => {
  throw new Error('the storage is away');
};

describe('a storage that cannot be read', () => {
  it('holds up no slot of a database that is stored elsewhere when Redis has lost everything, and no change', () =>
    withProducers(async ({ start, configOf, setClock, setStorage, storage, jobs, definitions }) => {
      const { old, changed, at } = scene();
      setClock(at(0, 20));
      setStorage('far', hangs);
      await storeManifest(storage, { backupId: 'shop-20260102T030405Z-abc234' });
      const far = Array.from({ length: 20 }, (_, index) =>
        sampleDatabase({ name: `far${index}`, storage: 'far', schedule: old }),
      );
      let config = configOf(...far, sampleDatabase({ schedule: old }));
      const producer = start(() => config);
      await until('its slot is run', async () => (await jobs()).includes(runAt(at(0))));
      config = configOf(...far, sampleDatabase({ schedule: changed }));
      producer.look();
      await until(
        'Redis holds the change',
        async () => (await definitions())['backup:shop'] === `${changed} UTC`,
      );
      assert.deepEqual(await jobs(), [runAt(at(0))]);
    }));

  it('costs no slot of a new schedule that came while it could not be read', () =>
    withProducers(async ({ start, configOf, setClock, setStorage, storage, jobs, definitions, ledger }) => {
      const { old: schedule, at } = scene();
      setClock(at(-1));
      setStorage('far', away);
      const producer = start(() => configOf(sampleDatabase({ schedule, storage: 'far' })));
      await until('Redis holds it', async () => (await definitions())['backup:shop'] !== undefined);
      setClock(at(0, 20));
      setStorage('far', async () => storage);
      await until('it is seen to', async () => {
        // One that comes while the last still reads leaves it to the next.
        producer.look();
        return (await ledger.read('shop')).seenTo?.getTime() === at(0).getTime();
      });
      assert.deepEqual(await jobs(), [runAt(at(0))]);
    }));

  it('and a verification that was due there, whose schedule is changed, hold up no slot of others', () =>
    withProducers(async ({ start, configOf, setClock, setStorage, jobs, definitions, ledger }) => {
      const { old, changed, at } = scene();
      setStorage('far', away);
      const shop = sampleDatabase({ schedule: old });
      const proven = (schedule: string): DatabaseConfig =>
        sampleDatabase({
          name: 'crm',
          storage: 'far',
          verify: { level: 'decode', counts: 'none', assertions: [], schedule },
        });
      setClock(at(-60, 20));
      let config = configOf(shop, proven(old));
      const producer = start(() => config);
      await until(
        'the slots before are seen to',
        async () => (await ledger.read('shop')).seenTo !== undefined,
      );
      await until('Redis holds them', async () => Object.keys(await definitions()).length === 2);
      // After the tick that Redis holds; nobody has handled it by then.
      setClock(at(120, 20));
      config = configOf(shop, proven(changed));
      producer.look();
      await until('the slot is run', async () => (await jobs()).includes(runAt(at(120))));
    }));
});
