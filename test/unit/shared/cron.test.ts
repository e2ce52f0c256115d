import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Cron,
  isSchedule,
  jitterOf,
  latestSlot,
  longestGap,
  nextSlots,
  slotsBetween,
} from '../../../src/shared/cron.ts';

const berlin = 'Europe/Berlin';
const day = 86_400_000;
const changes = ['2026-03-29T00:00:00Z', '2026-10-25T00:00:00Z'];

describe('a schedule', () => {
  it('runs once a local day while the clocks are put forward and back', () => {
    for (const tz of [berlin, 'UTC'])
      for (const change of changes) {
        const from = new Date(Date.parse(change) - 2 * day);
        const slots = slotsBetween({ pattern: '30 2 * * *', tz }, from, new Date(from.getTime() + 4 * day));
        const days = slots.map((slot) => slot.toLocaleDateString('en', { timeZone: tz }));
        assert.equal(new Set(days).size, 4, `${tz} ${change}`);
        assert.equal(slots.length, 4, `${tz} ${change}`);
      }
  });

  it('has the same newest slot wherever in the hours of a change it is asked for', () => {
    for (const pattern of ['30 2 * * *', '*/20 2 * * *', '15 * * * *', '0 3 * * 0'])
      for (const change of changes) checkAround({ pattern, tz: berlin }, new Date(change));
  });

  it('is no schedule with other than five fields, with H, or when it never comes', () => {
    const tz = 'UTC';
    assert.ok(isSchedule({ pattern: '0 2 * * MON-FRI', tz }));
    assert.ok(isSchedule({ pattern: '0 0 29 2 *', tz }));
    for (const pattern of ['', '* * * *', '0 0 2 * * *', 'H 2 * * *', '@daily', '0 0 31 2 *'])
      assert.equal(isSchedule({ pattern, tz }), false, pattern);
    assert.equal(isSchedule({ pattern: '0 2 * * *', tz: 'Europe/Atlantis' }), false);
  });

  it('knows the longest time between two slots', () => {
    assert.equal(longestGap({ pattern: '0 2 * * 1-5', tz: 'UTC' }, new Date(changes[0] ?? '')), 3 * day);
  });

  it('tells the next slots in order', () => {
    assert.deepEqual(
      nextSlots({ pattern: '0 2 * * *', tz: berlin }, new Date('2026-10-23T12:00:00Z'), 3).map((slot) =>
        slot.toISOString(),
      ),
      ['2026-10-24T00:00:00.000Z', '2026-10-25T00:00:00.000Z', '2026-10-26T01:00:00.000Z'],
    );
  });
});

describe('the time by which slots are put off', () => {
  it('is the same from day to day, below the spread, and spread over it', () => {
    const spread = 1_200_000;
    const names = Array.from({ length: 1_000 }, (_, index) => `shop-${index}`);
    const jitters = names.map((name) => jitterOf({ name, spread }));
    assert.deepEqual(
      jitters,
      names.map((name) => jitterOf({ name, spread })),
    );
    assert.ok(jitters.every((each) => each >= 0 && each < spread));
    const early = jitters.filter((each) => each < spread / 2).length;
    assert.ok(early > 400 && early < 600, `${early} of 1,000 in the first half`);
    assert.equal(jitterOf({ name: 'shop', spread: 0 }), 0);
  });
});

/** What BullMQ finds is each slot from the one before it; the newest of those is what must be found without them. */
function checkAround(cron: Cron, change: Date): void {
  const start = change.getTime() - 8 * day;
  const slots = slotsBetween(cron, new Date(start), new Date(change.getTime() + day));
  for (let at = change.getTime() - 2 * 3_600_000; at < change.getTime() + 8 * 3_600_000; at += 10 * 60_000) {
    const expected = slots.findLast((slot) => slot.getTime() <= at);
    const found = latestSlot(cron, new Date(at));
    assert.equal(
      found?.toISOString(),
      expected?.toISOString(),
      `${cron.pattern} ${new Date(at).toISOString()}`,
    );
  }
}
