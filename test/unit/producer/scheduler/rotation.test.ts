import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pickForVerification } from '../../../../src/producer/scheduler/rotation.ts';
import type { Verification, VerifyLevel } from '../../../../src/shared/verification.ts';

/** A backup of that day of January, and what was found of it, each as `day level outcome`. */
function backup(day: number, ...found: string[]) {
  const verifications = found.map((text): Verification => {
    const [on, level, outcome] = text.split(' ');
    const at = new Date(Date.UTC(2026, 1, Number(on)));
    return { at, level: level as VerifyLevel, outcome: outcome === 'ok' ? 'ok' : 'failed', seconds: 1 };
  });
  return { backupId: idOf(day), verifications };
}

function idOf(day: number): string {
  return `shop-202601${String(day).padStart(2, '0')}T000000Z-abc234`;
}

describe('the rotation of verifications', () => {
  const cases: [string, VerifyLevel, ReturnType<typeof backup>[], number | undefined][] = [
    ['takes nothing where there is nothing', 'decode', [], undefined],
    ['takes the newest that was never proven', 'decode', [backup(1), backup(3), backup(2)], 3],
    ['before one that was', 'decode', [backup(1), backup(2, '1 decode ok')], 1],
    ['takes a weaker proof for none', 'restore', [backup(1), backup(2, '1 decode ok')], 2],
    ['takes a stronger proof for one', 'decode', [backup(1, '1 decode ok'), backup(2, '2 restore ok')], 1],
    [
      'goes by the newest proof of each',
      'decode',
      [backup(1, '1 decode ok', '9 decode ok'), backup(2, '3 decode ok'), backup(3, '5 decode ok')],
      2,
    ],
    [
      'leaves out one that was found bad',
      'decode',
      [backup(1, '1 decode ok'), backup(2, '2 decode failed')],
      1,
    ],
    ['of any level', 'restore', [backup(1, '1 restore ok'), backup(2, '2 checksum failed')], 1],
    [
      'but not one that was proven since',
      'decode',
      [backup(1, '5 decode ok'), backup(2, '2 decode failed', '3 decode ok')],
      2,
    ],
    [
      'nor one whose failure a weaker proof left standing',
      'decode',
      [backup(1, '5 decode ok'), backup(2, '2 restore failed', '3 decode ok')],
      1,
    ],
    ['and takes it where there is nothing else', 'decode', [backup(1, '1 decode failed')], 1],
    [
      'then the one never proven first',
      'decode',
      [backup(1, '1 decode ok', '4 decode failed'), backup(2, '2 decode failed')],
      2,
    ],
    [
      'takes the newer of two proven at once',
      'decode',
      [backup(1, '1 decode ok'), backup(2, '1 decode ok')],
      2,
    ],
  ];
  for (const [what, level, entries, expected] of cases) {
    it(what, () => {
      const picked = pickForVerification(entries, level)?.backupId;
      assert.equal(picked, expected === undefined ? undefined : idOf(expected));
      assert.equal(pickForVerification(entries.toReversed(), level)?.backupId, picked);
    });
  }
});
