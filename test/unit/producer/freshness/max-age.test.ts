import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AgePolicy, createMaxAges } from '../../../../src/producer/freshness/max-age.ts';
import { longestGap } from '../../../../src/shared/cron.ts';

const hour = 3_600_000;
const now = new Date('2026-01-10T12:34:56Z');
const policy = (changes: Partial<AgePolicy>): AgePolicy => ({
  ...{ maxAge: null, schedule: '0 2 * * *', timezone: 'UTC', spread: 0 },
  ...changes,
});

describe('how old the newest backup may be', () => {
  const maxAgeOf = createMaxAges(() => now);

  it('is what was said, and has no limit where there is no schedule', () => {
    assert.equal(maxAgeOf(policy({ maxAge: 5 })), 5);
    assert.equal(maxAgeOf(policy({ schedule: null })), null);
  });

  for (const schedule of [
    '17 23 * * *',
    '59 0 * * 1-5',
    '5 4 1 * *',
    '30 3 31 12 *',
    '7 * * * *',
    '*/20 6 * * *',
    '10 8,20 * * *',
    '0 2-4 * * 0',
  ])
    it(`is twice the longest gap of ${schedule}, and the spread`, () => {
      const gap = longestGap({ pattern: schedule, tz: 'UTC' }, now);
      assert.equal(maxAgeOf(policy({ schedule, spread: 7 })), 2 * gap + 7);
    });

  it('is found soon for schedules of every minute of a day, and again of each', () => {
    const policies = Array.from({ length: 1_440 }, (_, index) =>
      policy({ schedule: `${index % 60} ${Math.floor(index / 60)} * * *`, timezone: 'Europe/Berlin' }),
    );
    const started = performance.now();
    for (let look = 0; look < 10; look += 1)
      for (const each of policies) assert.equal(maxAgeOf(each), 48 * hour);
    const took = performance.now() - started;
    assert.ok(took < 1_000, `took ${Math.round(took)} ms`);
  });
});
