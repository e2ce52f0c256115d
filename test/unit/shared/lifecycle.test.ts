import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReleaseStack, withReleases } from '../../../src/shared/lifecycle.ts';

describe('a release stack', () => {
  it('closes last-in-first-out, every one even when some throw, and says what failed', async () => {
    const closed: number[] = [];
    const stack = createReleaseStack();
    for (const n of [1, 2, 3]) {
      stack.push(() => {
        closed.push(n);
        if (n > 1) throw new Error(`${n} is stuck`);
      });
    }
    await assert.rejects(
      stack.closeAll(),
      (error) => error instanceof AggregateError && error.errors.length === 2,
    );
    assert.deepEqual(closed, [3, 2, 1]);
    await stack.closeAll();
    assert.deepEqual(closed, [3, 2, 1], 'a second time there is nothing to close');
  });

  it('is closed whatever happens, and the first failure is the one that is thrown', async () => {
    let closed = false;
    const failing = withReleases(async (releases) => {
      releases.push(() => {
        closed = true;
        throw new Error('the second failure');
      });
      throw new Error('the first failure');
    });
    await assert.rejects(failing, /the first failure/);
    assert.equal(closed, true);
  });
});
