import { databaseOf } from '../../shared/ids.ts';
import type { Verification } from '../../shared/verification.ts';
import type { Storage } from '../storage/storage.ts';
import { catalogPrefix, parseCatalogKey } from './keys.ts';

/** What stands beside a manifest: how the backup was verified, newest first, and whether it is under a legal hold. */
export interface Marks {
  verifications: readonly Verification[];
  pinned: boolean;
}

export async function readMarks(options: {
  storage: Storage;
  backupId: string;
  signal: AbortSignal;
}): Promise<Marks> {
  const { storage, backupId, signal } = options;
  const prefix = `${catalogPrefix(databaseOf(backupId))}${backupId}.`;
  const verifications: Verification[] = [];
  let pinned = false;
  for await (const { key } of storage.list(prefix, signal)) {
    const parsed = parseCatalogKey(key);
    if (parsed?.kind === 'verification') verifications.push(parsed.verification);
    pinned ||= parsed?.kind === 'pin';
  }
  return { verifications: verifications.sort((a, b) => b.at.getTime() - a.at.getTime()), pinned };
}
