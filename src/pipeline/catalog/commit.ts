import { BackupDataError, hasCode } from '../../shared/errors.ts';
import { encodeManifest, type Manifest } from '../../shared/manifest.ts';
import type { Storage } from '../storage/storage.ts';
import { findManifest } from './catalog.ts';
import { manifestKey } from './keys.ts';

/** Milliseconds that a best-effort store is given to show a rival's write before ours is read back. */
const settling = 2_000;

/**
 * The commit of a backup: PUT of the manifest if absent, then what is read back decides, whatever the PUT answered.
 * Gives the committed manifest, which is another attempt's when that one was first.
 */
export async function commit(options: {
  storage: Storage;
  manifest: Manifest;
  signal: AbortSignal;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}): Promise<Manifest> {
  const { storage, manifest, signal, wait } = options;
  const failure = await putManifest(options);
  if (storage.fence === 'best-effort') await wait(settling, signal);
  const winner = await committed(options);
  if (winner) return winner;
  throw (
    failure ??
    new BackupDataError(
      'STORAGE_UNAVAILABLE',
      `storage ${storage.name} accepted the manifest of ${manifest.backupId} and does not have it`,
    )
  );
}

/** The failure of the PUT, if it failed: an answer may be lost after the store did what it was asked. */
async function putManifest({
  storage,
  manifest,
  signal,
}: {
  storage: Storage;
  manifest: Manifest;
  signal: AbortSignal;
}) {
  try {
    await storage.put(manifestKey(manifest.backupId), encodeManifest(manifest), {
      signal,
      ifAbsent: true,
    });
    return undefined;
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return undefined;
    return error;
  }
}

function committed({
  storage,
  manifest,
  signal,
}: {
  storage: Storage;
  manifest: Manifest;
  signal: AbortSignal;
}) {
  return findManifest({ storage, backupId: manifest.backupId, signal });
}
