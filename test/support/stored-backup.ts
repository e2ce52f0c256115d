import { Readable } from 'node:stream';
import { zstdCompressSync } from 'node:zlib';
import { attemptFolder, databaseFolder } from '../../src/pipeline/catalog/keys.ts';
import { writePart } from '../../src/pipeline/part/write.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import type { Manifest, ManifestPart } from '../../src/shared/manifest.ts';
import { storeManifest } from './catalog-objects.ts';
import { sampleManifest } from './manifest.ts';

const signal = new AbortController().signal;

/** Stores a backup as a run would, encoded by zstd, of contents that no database needs to make; its manifest. */
export async function storeBackup(
  storage: Storage,
  {
    contents,
    volumeSize = 1 << 30,
    backupId = 'shop-20260102T030405Z-abc234',
  }: { contents: Readonly<Record<string, Buffer>>; volumeSize?: number; backupId?: string },
): Promise<Manifest> {
  const { attemptId } = sampleManifest();
  const parts: ManifestPart[] = [];
  for (const [name, content] of Object.entries(contents)) {
    const isText = name === 'RESTORE.md';
    const key = `${attemptFolder({ backupId, attemptId })}${name}${isText ? '' : '.zst'}`;
    const source = Readable.from([isText ? content : zstdCompressSync(content)]);
    const volumes = await writePart({
      storage,
      folder: databaseFolder('shop'),
      key,
      source,
      volumeSize,
      signal,
    });
    parts.push({ name, kind: kindOf(name), volumes });
  }
  return storeManifest(storage, { backupId, attemptId, parts });
}

function kindOf(name: string): ManifestPart['kind'] {
  if (name === 'RESTORE.md') return 'instructions';
  return name === 'globals.sql' ? 'globals' : 'data';
}
