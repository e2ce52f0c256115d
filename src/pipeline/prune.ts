import { hasCode } from '../shared/errors.ts';
import type { Verification } from '../shared/verification.ts';
import { readManifestFile } from './catalog/catalog.ts';
import { manifestKey, prunedKey, verificationKey } from './catalog/keys.ts';
import { clearPrunedMark, isPresent, type PrunedMark, putPrunedMark } from './catalog/pruned.ts';
import { type PlannedBackup, type PlanRequest, planPrune } from './retention/plan.ts';

/** Retired at once: their manifests go a few requests after it was last asked what keeps them. */
const batchSize = 100;

/**
 * Retires what the retention does not keep, and gives the ids. Each is marked `.pruned` first; then all is read and
 * decided again, and only then do the manifests go of those that are still to be retired. What an earlier prune began
 * and did not end is finished, or its mark is taken away. The parts are left to `sweep`.
 */
export async function prune(request: PlanRequest): Promise<string[]> {
  const planned = await planPrune(request);
  for (const backup of planned) await carryVerdict(request, backup);
  for (const { decision, prunedAt, backupId } of planned) {
    if (decision === 'keep' && prunedAt) await clearPrunedMark({ ...request, backupId });
  }
  const retiring = planned.filter(({ decision }) => decision === 'retire');
  const retired: string[] = [];
  for (let start = 0; start < retiring.length; start += batchSize)
    retired.push(...(await retire(request, retiring.slice(start, start + batchSize))));
  return retired;
}

async function retire(request: PlanRequest, batch: readonly PlannedBackup[]): Promise<string[]> {
  const { storage, signal } = request;
  const marks: PrunedMark[] = [];
  for (const backup of batch) marks.push(...(await markRetired(request, backup)));
  // A pin, a verdict or a job may have come since it was decided.
  const again = new Map((await planPrune(request)).map(({ backupId, decision }) => [backupId, decision]));
  for (const { backupId } of marks.filter((mark) => again.get(mark.backupId) === 'keep'))
    await clearPrunedMark({ ...request, backupId });
  const going = marks.filter((mark) => again.get(mark.backupId) === 'retire');
  await storage.remove(
    going.map(({ backupId }) => manifestKey(backupId)),
    signal,
  );
  for (const mark of going) await keepMark(request, mark);
  return going.map(({ backupId }) => backupId);
}

/** Nothing for one that another prune has retired, or whose manifest cannot be read any more. */
async function markRetired(
  { storage, clock, signal }: PlanRequest,
  { backupId, reasons }: PlannedBackup,
): Promise<PrunedMark[]> {
  try {
    const { file } = await readManifestFile({ storage, backupId, signal });
    const mark = {
      backupId,
      retiredAt: clock().toISOString(),
      reasons: [...reasons],
      manifest: file.toString('utf8'),
    };
    await putPrunedMark({ storage, mark, signal });
    return [mark];
  } catch (error) {
    const gone = ['BACKUP_NOT_FOUND', 'MANIFEST_INVALID', 'FORMAT_UNSUPPORTED'] as const;
    if (gone.some((code) => hasCode(error, code))) return [];
    throw error;
  }
}

/** Another prune may have found the mark beside the manifest, and taken it away: parts without either have no grace. */
async function keepMark({ storage, signal }: PlanRequest, mark: PrunedMark): Promise<void> {
  if (!(await isPresent(storage, prunedKey(mark.backupId), signal)))
    await putPrunedMark({ storage, mark, signal });
}

/** Writes beside the copy that the backup was found bad, because the mark at home goes with the backup there. */
async function carryVerdict(request: PlanRequest, { backupId, verdict }: PlannedBackup): Promise<void> {
  const { storage, home, signal } = request;
  if (verdict?.outcome !== 'failed') return;
  const details: Verification & { backupId: string; storage: string | undefined } = {
    backupId,
    ...verdict,
    storage: home?.name,
  };
  const body = Buffer.from(`${JSON.stringify(details, null, 2)}\n`);
  await storage.put(verificationKey(backupId, verdict), body, { signal });
}
