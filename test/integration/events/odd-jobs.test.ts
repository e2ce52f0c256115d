import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnrecoverableError } from 'bullmq';
import { newBackupId } from '../../../src/shared/ids.ts';
import { runEventSchema } from '../../../src/shared/queues/run-event.ts';
import { storeBackup } from '../../support/catalog-objects.ts';
import { readAll, withEvents } from '../../support/events-bench.ts';
import { until } from '../../support/until.ts';

describe('what is told of a run', () => {
  it('can be told where the clock of its worker was set back', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      await bench.stand('backups', () => ({ bytes: 1, duration: -3_600_000.5 }));
      await bench.produce();
      await readAll(bench, 'backups');
      await bench.run('shop');
      await until('it is told', () => bench.kinds().includes('success'));
      for (const event of bench.told()) assert.deepEqual(runEventSchema.parse(event), event);
    }));

  it('holds the first line of a cause, and not a megabyte of it', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      await bench.stand('backups', () => {
        throw new UnrecoverableError(
          `[DUMP_FAILED] \n  ${'päß'.repeat(300_000)}\nmore\nHINT: ${'x'.repeat(99_999)}`,
        );
      });
      await bench.produce();
      await readAll(bench, 'backups');
      await bench.run('shop');
      await until('it is told', () => bench.kinds().includes('failure'));
      const { cause } = bench.told().find(({ kind }) => kind === 'failure') ?? {};
      assert.match(cause?.message ?? '', /^päßpäß[päß]+…$/);
      assert.ok(JSON.stringify(cause).length < 5_000);
    }));

  it('is compared with an earlier backup, and with no later one', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      await bench.stand('backups', () => ({ bytes: 1, duration: 1 }));
      const soon = new Date(Date.now() + 600_000);
      await storeBackup(bench.storage, { backupId: newBackupId({ database: 'shop', at: soon }) });
      const { freshness } = await bench.produce();
      await until('the catalog was read', () => freshness.get('shop')?.newest?.bytes === 41);
      await readAll(bench, 'backups');
      await bench.run('shop');
      await until('it is told', () => bench.kinds().includes('success'));
      assert.equal(bench.told().find(({ kind }) => kind === 'success')?.backup?.previousBytes, null);
    }));
});
