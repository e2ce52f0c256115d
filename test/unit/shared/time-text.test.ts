import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAge, formatTime } from '../../../src/shared/time-text.ts';

const now = new Date('2026-11-22T12:40:01.999Z');

function ageOf(milliseconds: number): string {
  return formatAge(new Date(now.getTime() - milliseconds), now);
}

describe('times for people', () => {
  it('are UTC to the second, cut and not rounded', () => {
    assert.equal(formatTime(now), '2026-11-22 12:40:01Z');
  });

  it('say how long ago in one unit, rounded down', () => {
    const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];
    assert.deepEqual([0, 59 * second, minute, 59 * minute, hour, 47 * hour, 2 * day, 400 * day].map(ageOf), [
      'just now',
      'just now',
      '1m ago',
      '59m ago',
      '1h ago',
      '47h ago',
      '2d ago',
      '400d ago',
    ]);
  });

  it('show a clock that is ahead as such', () => {
    assert.deepEqual([ageOf(-30_000), ageOf(-300_000)], ['just now', 'in 5m']);
  });
});
