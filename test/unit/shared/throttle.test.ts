import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createThrottle } from '../../../src/shared/throttle.ts';

describe('a throttle', () => {
  it('tells the first of a kind at once, and later how many it held back', () => {
    let now = 0;
    const told: string[] = [];
    const throttle = createThrottle({ clock: () => new Date(now), interval: 5_000 });
    const say = (key: string): void => throttle(key, (heldBack) => told.push(`${key} ${heldBack}`));
    for (let n = 0; n < 19_000; n += 1) say('OOM');
    say('reset');
    now = 5_000;
    say('OOM');
    assert.deepEqual(told, ['OOM 0', 'reset 0', 'OOM 18999']);
  });
});
