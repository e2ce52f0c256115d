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

/** One word for a list: the strongest proof, or that the newest attempt at one failed. */
export function badgeOf(verifications: readonly Verification[]): string {
  const newest = verifications.toSorted((a, b) => b.at.getTime() - a.at.getTime())[0];
  if (!newest) return 'unverified';
  if (newest.outcome === 'failed') return 'FAILED';
  const proven = verifications.filter((each) => each.outcome === 'ok').map((each) => each.level);
  return proven.includes('decode') ? 'decoded' : 'checksum';
}
