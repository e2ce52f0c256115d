import { Readable } from 'node:stream';
import { manifestKey, verificationKey } from '../../src/pipeline/catalog/keys.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { encodeManifest, type Manifest } from '../../src/shared/manifest.ts';
import type { Verification } from '../../src/shared/verification.ts';
import { sampleManifest } from './manifest.ts';

const signal = new AbortController().signal;

/** Commits a manifest without any part: all that a catalog needs. */
export async function storeManifest(
  storage: Storage,
  changes: Partial<Manifest> & { backupId: string },
): Promise<Manifest> {
  const manifest = sampleManifest(changes);
  const body = Readable.from([encodeManifest(manifest)]);
  await storage.put(manifestKey(manifest.backupId), body, { signal });
  return manifest;
}

/** Something else where the manifest should be. */
export async function storeDamagedManifest(storage: Storage, backupId: string): Promise<void> {
  await storage.put(manifestKey(backupId), Readable.from([Buffer.from('{}\n')]), { signal });
}

export async function storeMark(
  storage: Storage,
  backupId: string,
  verification: Verification,
): Promise<void> {
  await storage.put(verificationKey(backupId, verification), Readable.from([Buffer.from('{}\n')]), {
    signal,
  });
}
