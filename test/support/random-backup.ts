import { createHash } from 'node:crypto';
import { databaseFolder, manifestKey } from '../../src/pipeline/catalog/keys.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { encodeManifest, type Manifest, type ManifestPart } from '../../src/shared/manifest.ts';
import { sampleManifest } from './manifest.ts';
import type { Seeded } from './seeded.ts';

const signal = new AbortController().signal;

export interface StoredBackup {
  manifest: Manifest;
  /** Key and bytes of every object of it, the manifest last. */
  objects: ReadonlyMap<string, Buffer>;
}

/** Commits a backup of random bytes: its data in three volumes, globals, and RESTORE.md. */
export async function storeBackup(
  storage: Storage,
  { seeded, ...changes }: { seeded: Seeded } & Partial<Manifest>,
): Promise<StoredBackup> {
  const { backupId, attemptId, database } = sampleManifest(changes);
  const objects = new Map<string, Buffer>();
  const part = (name: string, kind: ManifestPart['kind'], sizes: readonly number[]): ManifestPart => ({
    name,
    kind,
    volumes: sizes.map((bytes, index) => {
      const content = seeded.bytes(bytes);
      const key = `data/${backupId}/${attemptId}/${name}${index === 0 ? '' : `.000${index}`}`;
      objects.set(databaseFolder(database) + key, content);
      return { key, bytes, sha256: createHash('sha256').update(content).digest('hex') };
    }),
  });
  const parts = [
    part('data.dump', 'data', [700_000, 700_000, 1]),
    part('globals.sql', 'globals', [900]),
    part('RESTORE.md', 'instructions', [300]),
  ];
  const manifest = sampleManifest({ ...changes, parts, bytes: 1_401_201 });
  objects.set(manifestKey(backupId), encodeManifest(manifest));
  for (const [key, content] of objects) await storage.put(key, content, { signal });
  return { manifest, objects };
}
