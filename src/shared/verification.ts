import { formatDuration } from './config/units.ts';

/** How far a backup was proven, weakest first. */
export const verifyLevels = ['checksum', 'decode', 'restore'] as const;
export type VerifyLevel = (typeof verifyLevels)[number];

/** The outcome of one verification, as its mark in the catalog's listing tells it. */
export interface Verification {
  /** When it ended, UTC. */
  at: Date;
  level: VerifyLevel;
  outcome: 'ok' | 'failed';
  /** What it took; for level restore, what the restore alone took. */
  seconds: number;
}

/**
 * The verification that tells the state of a backup: the newest failure that stands, else the newest of all. A failure
 * stands until a newer proof of the same level or a stronger one; of two in the same second, the one that failed counts.
 * Undefined where there is none.
 */
export function decisiveOf(verifications: readonly Verification[]): Verification | undefined {
  const newestFirst = verifications.toSorted((a, b) => b.at.getTime() - a.at.getTime());
  const standing = newestFirst.find(
    ({ at, level, outcome }) =>
      outcome === 'failed' && !newestFirst.some((each) => each.at > at && proves(each, level)),
  );
  return standing ?? newestFirst[0];
}

/** A word or two for a list: the strongest proof, or that a failure stands. */
export function badgeOf(verifications: readonly Verification[]): string {
  const decisive = decisiveOf(verifications);
  if (!decisive) return 'unverified';
  if (decisive.outcome === 'failed') return 'FAILED';
  const newestFirst = verifications.toSorted((a, b) => b.at.getTime() - a.at.getTime());
  const proven = newestFirst.filter((each) => each.outcome === 'ok');
  const restored = proven.find((each) => each.level === 'restore');
  if (restored) return `restored in ${inWords(restored.seconds)}`;
  return proven.some((each) => each.level === 'decode') ? 'decoded' : 'checksum';
}

/** Whether it proved at least as much as that level would. */
export function proves({ level, outcome }: Verification, wanted: VerifyLevel): boolean {
  return outcome === 'ok' && verifyLevels.indexOf(level) >= verifyLevels.indexOf(wanted);
}

/** Whole seconds are all that is recorded. */
function inWords(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : formatDuration(seconds * 1_000);
}
