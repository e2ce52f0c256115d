import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Config } from '../../../src/shared/config/schema.ts';
import { compactTime } from '../../../src/shared/ids.ts';
import { storeManifest } from '../../support/catalog-objects.ts';
import { sampleDatabase } from '../../support/database.ts';
import { type Producers, scene, withProducers } from '../../support/producers.ts';
import { until } from '../../support/until.ts';

describe('a slot of a schedule of verifications', () => {
  it('whose tick was lost is made up for; a new schedule, and a changed one, begin with their next', () =>
    withVerified(async ({ start, setClock, jobs, ledger, definitions }, configWith) => {
      const { old, changed, at } = scene();
      const seenTo = async (slot: Date) =>
        (await ledger.read('verify:shop')).seenTo?.getTime() === slot.getTime();
      let config = configWith(old);
      setClock(at(-60, 20));
      const producer = start(() => config);
      await until('it is known', () => seenTo(at(-60)));
      assert.deepEqual(await jobs('maintenance'), []);
      setClock(at(0, 20));
      producer.look();
      await until('it is enqueued', () => seenTo(at(0)));
      assert.deepEqual(await jobs('maintenance'), [verificationAt(at(0))]);

      config = configWith(changed);
      setClock(at(35));
      producer.look();
      await until('the change is known', () => seenTo(at(30)));
      await until('Redis holds it', async () => (await definitions())['verify:shop'] === `${changed} UTC`);
      setClock(at(90, 20));
      producer.look();
      await until('the next is enqueued', () => seenTo(at(90)));
      assert.deepEqual(await jobs('maintenance'), [verificationAt(at(0)), verificationAt(at(90))]);
    }));

  it('stays due while its storage cannot be read', () =>
    withVerified(async ({ start, setClock, setStorage, storage, jobs, ledger, lines }, configWith) => {
      const { old, at } = scene();
      setClock(at(-60, 20));
      const producer = start(() => configWith(old));
      await until('it is known', async () => (await ledger.read('verify:shop')).seenTo !== undefined);
      setStorage('main', () => Promise.reject(new Error('the storage is away')));
      setClock(at(0, 20));
      producer.look();
      await until('it is told', () => lines.some((line) => /could not be seen to/.test(line)));
      setStorage('main', async () => storage);
      await until('it is enqueued', async () => {
        producer.look();
        return (await jobs('maintenance')).includes(verificationAt(at(0)));
      });
    }));
});

function verificationAt(slot: Date): string {
  return `verify-shop-slot-${compactTime(slot)}`;
}

/** `shop` has a backup; the configuration verifies it by that schedule. */
function withVerified(
  use: (producers: Producers, configWith: (schedule: string) => Config) => Promise<void>,
): Promise<void> {
  return withProducers(async (producers) => {
    await storeManifest(producers.storage, { backupId: 'shop-20260102T030405Z-abc234' });
    await use(producers, (schedule) =>
      producers.configOf(
        sampleDatabase({ verify: { level: 'decode', counts: 'none', assertions: [], schedule } }),
      ),
    );
  });
}
