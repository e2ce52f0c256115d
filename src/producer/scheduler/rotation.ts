import type { CatalogEntry } from '../../pipeline/catalog/catalog.ts';
import { newestFirst } from '../../pipeline/catalog/catalog.ts';
import { decisiveOf, proves, type Verification, type VerifyLevel } from '../../shared/verification.ts';

/**
 * The backup that is to be proven next at that level: the newest that never was, by a stronger proof either; else the
 * one whose proof is oldest. One whose verification failed is known to be bad, and is taken only where there is nothing
 * else. Undefined when there are none.
 */
export function pickForVerification<Entry extends Pick<CatalogEntry, 'backupId' | 'verifications'>>(
  entries: readonly Entry[],
  level: VerifyLevel,
): Entry | undefined {
  const sound = entries.filter((entry) => decisiveOf(entry.verifications)?.outcome !== 'failed');
  const candidates = sound.length > 0 ? sound : entries;
  return candidates
    .map((entry) => ({ entry, provenAt: lastProof(entry.verifications, level) }))
    .sort((a, b) => a.provenAt - b.provenAt || newestFirst(a.entry, b.entry))[0]?.entry;
}

/** 0 when there is none. */
function lastProof(verifications: readonly Verification[], level: VerifyLevel): number {
  return newestOf(verifications.filter((each) => proves(each, level)))?.at.getTime() ?? 0;
}

function newestOf(verifications: readonly Verification[]): Verification | undefined {
  return verifications.toSorted((a, b) => b.at.getTime() - a.at.getTime())[0];
}
