import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import type { ManifestPart, ManifestVolume } from '../../shared/manifest.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * The end of a volume is given out only after its hash was compared. It is more than one block of any codec decodes
 * to, so a consumer can never have seen the end of a dump whose bytes turn out wrong.
 */
const heldBack = 256 * 1024;

export interface ReadRequest {
  storage: Storage;
  /** Where a part's volumes are read instead, each in a storage of its own. */
  storageOf?: (volume: ManifestVolume) => Storage;
  /** The database's folder, with its trailing slash. */
  folder: string;
  part: ManifestPart;
  signal: AbortSignal;
  onBytes?: (count: number) => void;
}

/** The stored bytes of a part, every volume hashed on the way; destroyed with OBJECT_DAMAGED where one differs. */
export function openPart(request: ReadRequest): Readable {
  return Readable.from(readVolumes(request), { objectMode: false, highWaterMark: 1 << 20 });
}

/** Reads a whole part and compares every hash. OBJECT_DAMAGED, OBJECT_NOT_FOUND or STORAGE_UNAVAILABLE, naming the volume. */
export async function checkPart(request: ReadRequest): Promise<void> {
  for await (const _chunk of readVolumes(request)) request.signal.throwIfAborted();
}

/** The same for one volume. */
export async function checkVolume(request: ReadRequest, volume: ManifestVolume): Promise<void> {
  for await (const _chunk of readVolume(request, volume)) request.signal.throwIfAborted();
}

async function* readVolumes(request: ReadRequest): AsyncGenerator<Buffer> {
  const { storageOf } = request;
  for (const volume of request.part.volumes)
    yield* readVolume(storageOf ? { ...request, storage: storageOf(volume) } : request, volume);
}

/** The stored bytes of one volume, its end held back until its hash was compared. */
export async function* readVolume(request: ReadRequest, volume: ManifestVolume): AsyncGenerator<Buffer> {
  const { signal, onBytes } = request;
  const hash = createHash('sha256');
  const held: Buffer[] = [];
  let heldBytes = 0;
  let bytes = 0;
  for await (const chunk of (await openVolume(request, volume)) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > volume.bytes) break;
    onBytes?.(chunk.length);
    held.push(chunk);
    heldBytes += chunk.length;
    for (let first = held[0]; first && heldBytes - first.length >= heldBack; first = held[0]) {
      heldBytes -= first.length;
      held.shift();
      yield first;
    }
  }
  signal.throwIfAborted();
  if (bytes !== volume.bytes) throw damaged(request, volume, `it should hold ${volume.bytes} bytes`);
  if (hash.digest('hex') !== volume.sha256)
    throw damaged(request, volume, 'its sha256 is not the one in the manifest');
  // Not `yield*`: an array's iterator has no `throw`, which a stream that is destroyed with an error calls.
  for (const chunk of held) yield chunk;
}

async function openVolume(
  { storage, folder, part, signal }: ReadRequest,
  volume: ManifestVolume,
): Promise<Readable> {
  try {
    return await storage.get(folder + volume.key, { signal });
  } catch (error) {
    if (!hasCode(error, 'OBJECT_NOT_FOUND')) throw error;
    throw new BackupDataError(
      'OBJECT_NOT_FOUND',
      `part ${part.name}: ${volume.key} is missing in storage ${storage.name}`,
      {
        hint: 'Use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
        cause: error,
      },
    );
  }
}

function damaged({ storage, part }: ReadRequest, volume: ManifestVolume, reason: string): BackupDataError {
  return new BackupDataError(
    'OBJECT_DAMAGED',
    `part ${part.name}: ${volume.key} in storage ${storage.name} is damaged: ${reason}`,
    {
      hint: 'Use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
    },
  );
}
