import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mapAtMost } from '../../../../src/pipeline/process/map-at-most.ts';

const items = Array.from({ length: 20 }, (_, index) => index);

describe('work on many items', () => {
  it('is done for each, in their order, and never for more at a time than it may', async () => {
    const { signal } = new AbortController();
    let [active, most] = [0, 0];
    const results = await mapAtMost({ items, limit: 3, signal }, async (item) => {
      active += 1;
      most = Math.max(most, active);
      // The later ones end before the earlier ones.
      for (let turn = item % 3; turn < 3; turn += 1) await Promise.resolve();
      active -= 1;
      return item * 2;
    });
    assert.deepEqual(
      results,
      items.map((item) => item * 2),
    );
    assert.equal(most, 3);
    assert.deepEqual(await mapAtMost({ items: [], limit: 3, signal }, async (item) => item), []);
  });

  it('ends with the first failure: what is under way is aborted and waited for, and nothing more begins', async () => {
    const { signal } = new AbortController();
    const begun: number[] = [];
    const ended: number[] = [];
    const failing = mapAtMost({ items, limit: 3, signal }, async (item, stop) => {
      begun.push(item);
      if (item === 2) throw new Error('the third fails');
      await new Promise((resolve) => stop.addEventListener('abort', resolve));
      await Promise.resolve();
      ended.push(item);
    });
    await assert.rejects(failing, /the third fails/);
    assert.deepEqual(
      [begun, ended],
      [
        [0, 1, 2],
        [0, 1],
      ],
    );
  });
});
