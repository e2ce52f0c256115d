import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { databaseFolder, manifestKey, verificationKey } from '../../src/pipeline/catalog/keys.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { databaseOf, timeOfBackup } from '../../src/shared/ids.ts';
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

/** Commits a backup of one data object, which is stored too; its snapshot is of the instant that its id names. */
export async function storeBackup(
  storage: Storage,
  changes: Partial<Manifest> & { backupId: string },
): Promise<Manifest> {
  const { backupId, attemptId = 'aabcdefgh' } = changes;
  const database = databaseOf(backupId);
  const body = Buffer.from(`the bytes of ${backupId}`);
  const key = `data/${backupId}/${attemptId}/data.dump.zst`;
  await storage.put(databaseFolder(database) + key, body, { signal });
  const sha256 = createHash('sha256').update(body).digest('hex');
  return storeManifest(storage, {
    database,
    attemptId,
    snapshotAt: timeOfBackup(backupId).toISOString(),
    parts: [{ name: 'data.dump', kind: 'data', volumes: [{ key, bytes: body.length, sha256 }] }],
    bytes: body.length,
    ...changes,
  });
}

/** Every key of the storage, sorted. */
export async function keysIn(storage: Storage): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list('', signal)) keys.push(key);
  return keys;
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
