import { BackupDataError, hasCode } from '../../shared/errors.ts';
import { encodeManifest, type Manifest } from '../../shared/manifest.ts';
import type { Storage } from '../storage/storage.ts';
import { findManifestFile, type ManifestFile } from './catalog.ts';
import { manifestKey } from './keys.ts';

/** Milliseconds that a best-effort store is given to show a rival's write before ours is read back. */
const settling = 2_000;

interface CommitOptions {
  storage: Storage;
  signal: AbortSignal;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/**
 * The commit of a backup: PUT of the manifest if absent, then what is read back decides, whatever the PUT answered.
 * Gives the committed manifest, which is another attempt's when that one was first.
 */
export async function commit({
  manifest,
  ...options
}: CommitOptions & { manifest: Manifest }): Promise<Manifest> {
  const { backupId } = manifest;
  return (await commitFile({ ...options, backupId, file: encodeManifest(manifest) })).manifest;
}

/** The same with the file of a manifest as another storage holds it. */
export async function commitFile(
  options: CommitOptions & { backupId: string; file: Buffer },
): Promise<ManifestFile> {
  const { storage, backupId, signal, wait } = options;
  const failure = await putFile(options);
  if (storage.fence === 'best-effort') await wait(settling, signal);
  const winner = await findManifestFile({ storage, backupId, signal });
  if (winner) return winner;
  throw (
    failure ??
    new BackupDataError(
      'STORAGE_UNAVAILABLE',
      `storage ${storage.name} accepted the manifest of ${backupId} and does not have it`,
    )
  );
}

/** The failure of the PUT, if it failed: an answer may be lost after the store did what it was asked. */
async function putFile(options: { storage: Storage; backupId: string; file: Buffer; signal: AbortSignal }) {
  const { storage, backupId, file, signal } = options;
  try {
    await storage.put(manifestKey(backupId), file, { signal, ifAbsent: true });
    return undefined;
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return undefined;
    return error;
  }
}
