import assert from 'node:assert/strict';
import { it } from 'node:test';
import { badgeOf, decisiveOf, proves, type Verification } from '../../../src/shared/verification.ts';

const at = (day: number) => new Date(Date.UTC(2026, 0, day));
const checksum: Verification = { at: at(1), level: 'checksum', outcome: 'ok', seconds: 1 };
const decode: Verification = { at: at(2), level: 'decode', outcome: 'ok', seconds: 1 };
const restore: Verification = { at: at(3), level: 'restore', outcome: 'ok', seconds: 252 };

it('a badge tells the strongest proof, and a failure that stands before all', () => {
  const failed: Verification = { ...checksum, at: at(4), outcome: 'failed' };
  const failedRestore: Verification = { ...restore, outcome: 'failed' };
  const cases: [string, Verification[]][] = [
    ['unverified', []],
    ['checksum', [checksum]],
    ['decoded', [decode, { ...checksum, at: at(5) }]],
    ['restored in 4m12s', [restore, decode, checksum]],
    ['restored in 4m12s', [restore, { ...decode, at: at(9) }]],
    ['restored in 7s', [restore, { ...restore, at: at(8), seconds: 7 }]],
    ['restored in 1h03m', [{ ...restore, seconds: 3_780 }]],
    ['FAILED', [restore, failed]],
    ['decoded', [failed, { ...decode, at: at(5) }]],
    ['FAILED', [failedRestore, { ...decode, at: at(5) }]],
    ['restored in 4m12s', [failedRestore, { ...restore, at: at(5) }]],
    ['FAILED', [{ ...failed, level: 'decode' }, restore, { ...checksum, at: at(5) }]],
  ];
  for (const [badge, verifications] of cases) {
    assert.equal(badgeOf(verifications), badge);
    assert.equal(badgeOf(verifications.toReversed()), badge);
  }
});

it('a failure stands until a newer proof of its level or a stronger one', () => {
  const failed: Verification = { ...decode, outcome: 'failed' };
  const newer = { ...decode, at: at(3) };
  const cases: [Verification | undefined, Verification[]][] = [
    [undefined, []],
    [newer, [decode, newer]],
    [failed, [failed]],
    [failed, [failed, decode]],
    [failed, [failed, { ...checksum, at: at(9) }]],
    [failed, [failed, { ...restore, at: at(1) }]],
    [newer, [failed, newer]],
    [restore, [failed, restore]],
    [failed, [failed, { ...checksum, at: at(4), outcome: 'failed' }, { ...checksum, at: at(5) }]],
  ];
  for (const [decisive, verifications] of cases) {
    assert.deepEqual(decisiveOf(verifications), decisive);
    assert.deepEqual(decisiveOf(verifications.toReversed()), decisive);
  }
});

it('a proof is one of every weaker level too, and a failure of none', () => {
  assert.deepEqual(
    (['checksum', 'decode', 'restore'] as const).map((level) => proves(decode, level)),
    [true, true, false],
  );
  assert.equal(proves({ ...restore, outcome: 'failed' }, 'checksum'), false);
});
