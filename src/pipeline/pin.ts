import { BackupDataError, hasCode } from '../shared/errors.ts';
import { type Claim, ownerOf } from './catalog/installation.ts';
import { manifestKey, pinKey } from './catalog/keys.ts';
import { isPresent } from './catalog/pruned.ts';

export interface PinRequest extends Claim {
  backupId: string;
  clock: () => Date;
}

/** `absent` where the storage does not hold the backup; `unchanged` where it was so already. */
export type PinOutcome = 'changed' | 'unchanged' | 'absent';

/**
 * Puts a backup under a legal hold: neither prune nor sweep touches it. BACKUP_NOT_FOUND when it was retired at that
 * very moment; the hold then keeps its bytes, and its manifest can be put back.
 */
export async function pin(request: PinRequest): Promise<PinOutcome> {
  const { storage, backupId, installation, clock, signal } = request;
  if (!(await isPresent(storage, manifestKey(backupId), signal))) return 'absent';
  await ownerOf(request);
  const body = Buffer.from(
    `${JSON.stringify({ backupId, pinnedAt: clock().toISOString(), installation })}\n`,
  );
  try {
    await storage.put(pinKey(backupId), body, { signal, ifAbsent: true });
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return 'unchanged';
    throw error;
  }
  // A prune looks for the hold before it removes a manifest, and may have looked just before.
  if (await isPresent(storage, manifestKey(backupId), signal)) return 'changed';
  throw new BackupDataError(
    'BACKUP_NOT_FOUND',
    `${backupId} was retired from storage ${storage.name} as it was pinned; its bytes are kept`,
    { hint: 'Put its manifest back, as docs/retention.md says under "How to undo it".' },
  );
}

/** Ends the legal hold, also that of a backup which was retired. */
export async function unpin(request: PinRequest): Promise<PinOutcome> {
  const { storage, backupId, signal } = request;
  const key = pinKey(backupId);
  if (!(await isPresent(storage, key, signal)))
    return (await isPresent(storage, manifestKey(backupId), signal)) ? 'unchanged' : 'absent';
  await ownerOf(request);
  await storage.remove([key], signal);
  return 'changed';
}
