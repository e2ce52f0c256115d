import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { similarNames } from '../../../../../src/pipeline/engine/postgres/similar-names.ts';

const names = ['public.orders', 'public.order_lines', 'sales.orders', 'public.customers', 'audit.log'];

describe('names that someone may have meant', () => {
  for (const [typed, similar] of [
    ['public.ordrs', ['public.orders']],
    ['orders', ['public.orders', 'sales.orders']],
    ['archive.orders', ['public.orders', 'sales.orders']],
    ['PUBLIC.CUSTOMERS', ['public.customers']],
    ['public.invoices', []],
  ] as const) {
    it(`by "${typed}" are ${similar.join(', ') || 'none'}`, () =>
      assert.deepEqual(similarNames(typed, names), similar));
  }

  it('are at most three', () => {
    assert.equal(similarNames('t', ['a.t', 'b.t', 'c.t', 'd.t']).length, 3);
  });
});
