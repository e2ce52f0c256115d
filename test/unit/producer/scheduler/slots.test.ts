import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSlots } from '../../../../src/producer/scheduler/slots.ts';
import { type Cron, latestSlot } from '../../../../src/shared/cron.ts';

const minute = 60_000;
const hour = 60 * minute;
const noon = Date.parse('2026-06-10T12:00:00Z');

describe('the newest slot', () => {
  const crons: Cron[] = [
    { pattern: '0 * * * *', tz: 'UTC' },
    { pattern: '30 2 * * *', tz: 'Europe/Berlin' },
    { pattern: '0 3 * * 0', tz: 'America/New_York' },
  ];
  for (const cron of crons) {
    it(`of ${cron.pattern} is found while time goes on, and with a clock that is put back`, () => {
      const slots = createSlots();
      const steps = [0, 10 * minute, -20 * minute, 30 * hour, -3.5 * hour, hour, hour, 9 * 24 * hour];
      let at = noon;
      for (const step of [...steps, -30 * 24 * hour, ...steps]) {
        at += step;
        for (const putOff of [0, 50 * minute]) {
          const asked = new Date(at - putOff);
          assert.deepEqual(slots.latest(cron, asked), latestSlot(cron, asked), asked.toISOString());
        }
      }
    });
  }

  it('is found by a process that was away for years of minutes', () => {
    const cron = { pattern: '* * * * *', tz: 'UTC' };
    const slots = createSlots();
    slots.latest(cron, new Date(noon));
    const later = new Date(noon + 2 * 365 * 24 * hour);
    assert.deepEqual(slots.latest(cron, later), later);
  });
});
