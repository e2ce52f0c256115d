import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withEvents } from '../../support/events-bench.ts';
import { until } from '../../support/until.ts';

describe('an incident', () => {
  it('of three runs that fail is told once, after the last attempt, and so is its end', () =>
    withEvents({ databases: { shop: {} } }, async ({ produce, hire, run, mend, told, kinds }) => {
      await hire();
      await produce();
      const failed = [await run('shop'), await run('shop'), await run('shop')];
      await mend('shop');
      const good = await run('shop');
      await until('the recovery is told', () => kinds().includes('recovery'));
      const alerts = told().filter(({ kind }) => kind === 'failure' || kind === 'recovery');
      const [failure, recovery] = alerts;
      assert.deepEqual(
        alerts.map(({ id }) => id),
        [`failure-${failed[0]?.id}`, `recovery-failure-${failed[0]?.id}`],
      );
      assert.deepEqual(failure?.job, { id: failed[0]?.id, name: 'backup', attempt: 2, attempts: 2 });
      assert.equal(failure?.cause?.code, 'DUMP_FAILED');
      assert.equal(recovery?.backup?.id, good.id);
      assert.equal(recovery?.incident?.kind, 'failure');
      assert.ok(told().some(({ id }) => id === `success-${good.id}`));
    }));
});
