import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decideRetention,
  type RetentionBackup,
  type RetentionInput,
} from '../../../../src/pipeline/retention/decide.ts';
import type { RetentionConfig } from '../../../../src/shared/config/policy-schema.ts';
import { newBackupId } from '../../../../src/shared/ids.ts';
import { chooseSeed, createSeeded, type Seeded } from '../../../support/seeded.ts';

const rounds = 300;
const day = 86_400_000;
const now = new Date('2026-11-25T12:00:00Z');
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Apia',
];
const counted = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

describe('the retention, of whatever there is', () => {
  it('decides once of each backup, and gives a reason', () =>
    forRandomCases((input) => {
      const decisions = decideRetention(input);
      assert.deepEqual(
        decisions.map(({ backupId }) => backupId).sort(),
        input.backups.map(({ backupId }) => backupId).sort(),
      );
      assert.deepEqual(
        decisions.filter(({ reasons }) => reasons.length === 0),
        [],
      );
    }));

  it('never retires the last good backup, nor what is pinned, named, being verified, unreadable or of the future', () =>
    forRandomCases((input) => {
      const retired = retiredBy(input);
      assert.ok(!retired.has(lastGoodOf(input.backups)?.backupId ?? ''), 'the last good backup');
      for (const { backupId, pinned, source, at, verification } of input.backups.filter((each) =>
        retired.has(each.backupId),
      ))
        assert.ok(
          !pinned && !input.named.has(backupId) && source !== null && at <= now && verification !== 'pending',
          backupId,
        );
    }));

  it('retires nothing of another source than the last good backup is of, unless it is asked to', () =>
    forRandomCases((input) => {
      const retired = retiredBy({ ...input, allSources: false });
      const lastGood = lastGoodOf(input.backups);
      for (const { backupId, source } of input.backups.filter((each) => retired.has(each.backupId)))
        assert.ok(!lastGood || source === lastGood.source, backupId);
    }));

  it('keeps a good backup of every source that has one', () =>
    forRandomCases((input) => {
      const retired = retiredBy(input);
      const good = input.backups.filter(
        ({ verification, source }) => verification === 'good' && source !== null,
      );
      for (const [source, group] of Map.groupBy(good, (each) => each.source))
        assert.ok(
          group.some(({ backupId }) => !retired.has(backupId)),
          `nothing good is left of ${source}`,
        );
    }));

  it('retires nothing of what it has left', () =>
    forRandomCases((input) => {
      const retired = retiredBy(input);
      const left = input.backups.filter(({ backupId }) => !retired.has(backupId));
      assert.deepEqual([...retiredBy({ ...input, backups: left })], []);
    }));

  it('keeps all that it kept, and perhaps more, by a more generous policy', () =>
    forRandomCases((input, random) => {
      assert.ok(input.policy);
      const generous = { ...input.policy };
      for (const rule of counted) generous[rule] += random.below(3);
      if (random.below(2) === 0) generous.within = (generous.within ?? 1) + random.below(90) * day;
      const more = retiredBy({ ...input, policy: generous });
      const less = retiredBy(input);
      assert.deepEqual(
        [...more].filter((backupId) => !less.has(backupId)),
        [],
      );
    }));

  it('retires the same good backups as if those that failed were not there', () =>
    forRandomCases((input) => {
      const good = input.backups.filter(({ verification }) => verification === 'good');
      if (!lastGoodOf(good)) return;
      const retired = retiredBy(input);
      assert.deepEqual(
        good
          .map(({ backupId }) => backupId)
          .filter((backupId) => retired.has(backupId))
          .sort(),
        [...retiredBy({ ...input, backups: good })].sort(),
      );
    }));
});

/** The newest that is neither bad, nor unreadable, nor dated in the future. */
function lastGoodOf(backups: readonly RetentionBackup[]): RetentionBackup | undefined {
  const key = ({ at, backupId }: RetentionBackup): string => `${at.toISOString()} ${backupId}`;
  const good = backups.filter(
    ({ verification, source, at }) => verification === 'good' && source !== null && at <= now,
  );
  return good.toSorted((a, b) => (key(a) < key(b) ? 1 : -1))[0];
}

function retiredBy(input: RetentionInput): Set<string> {
  const decisions = decideRetention(input);
  return new Set(decisions.filter(({ decision }) => decision === 'retire').map(({ backupId }) => backupId));
}

function forRandomCases(check: (input: RetentionInput, random: Seeded) => void): void {
  const seed = chooseSeed();
  const random = createSeeded(seed);
  for (let round = 0; round < rounds; round += 1) {
    const input = randomInput(random);
    try {
      check(input, random);
    } catch (error) {
      throw new Error(`TEST_SEED=${seed}, round ${round}: ${JSON.stringify(input)}`, { cause: error });
    }
  }
}

function randomInput(random: Seeded): RetentionInput {
  const span = [day, 10 * day, 100 * day, 2_000 * day][random.below(4)] ?? day;
  const backups = Array.from({ length: random.below(40) }, () => randomBackup(random, span));
  const chance = (one: number) => random.below(one) === 0;
  return {
    backups,
    policy: randomPolicy(random),
    timeZone: zones[random.below(zones.length)] ?? 'UTC',
    now,
    named: new Map(backups.filter(() => chance(10)).map(({ backupId }) => [backupId, new Set(['restore'])])),
    allSources: chance(3),
  };
}

function randomBackup(random: Seeded, span: number): RetentionBackup {
  // Some are dated in the future, and some have the same second.
  const at = new Date(now.getTime() + span / 20 - Math.round((random.below(200) / 200) * span));
  return {
    backupId: newBackupId({ database: 'shop', at, randomBelow: random.below }),
    at,
    verification:
      (['good', 'good', 'good', 'failed', 'failed', 'pending'] as const)[random.below(6)] ?? 'good',
    pinned: random.below(12) === 0,
    source: [null, 'old', 'new', 'new', 'new', 'new'][random.below(6)] ?? null,
  };
}

function randomPolicy(random: Seeded): RetentionConfig {
  const count = () => (random.below(2) === 0 ? 0 : random.below(6));
  const [last, hourly, daily, weekly, monthly, yearly] = [
    count(),
    count(),
    count(),
    count(),
    count(),
    count(),
  ];
  const within = random.below(3) === 0 ? random.below(60) * day : undefined;
  return { last, hourly, daily, weekly, monthly, yearly, within };
}
