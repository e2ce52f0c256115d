import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { BackupDataError } from '../../shared/errors.ts';
import type { ManifestVolume } from '../../shared/manifest.ts';
import type { Storage } from '../storage/storage.ts';

export interface WriteRequest {
  storage: Storage;
  /** The database's folder, with its trailing slash; volume keys are recorded relative to it. */
  folder: string;
  /** Key of the first volume, relative to `folder`; the second ends in `.0001`. */
  key: string;
  source: Readable;
  /** Bytes after which the next volume begins. */
  volumeSize: number;
  signal: AbortSignal;
  onBytes?: (count: number) => void;
}

/**
 * Stores a part as volumes of at most `volumeSize` bytes and gives what the manifest says of them. A source that fails
 * leaves its last volume unstored; the volumes before it are the caller's to remove.
 */
export async function writePart(request: WriteRequest): Promise<ManifestVolume[]> {
  const chunks = new ChunkReader(request.source);
  const volumes: ManifestVolume[] = [];
  try {
    do {
      volumes.push(await writeVolume(request, chunks, volumes.length));
    } while (await chunks.more());
  } catch (error) {
    request.source.destroy();
    throw error;
  }
  return volumes;
}

async function writeVolume(
  request: WriteRequest,
  chunks: ChunkReader,
  index: number,
): Promise<ManifestVolume> {
  const { storage, folder, volumeSize, signal, onBytes } = request;
  const key = index === 0 ? request.key : `${request.key}.${String(index).padStart(4, '0')}`;
  const hash = createHash('sha256');
  let bytes = 0;
  const observed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of chunks.upTo(volumeSize)) {
      hash.update(chunk);
      bytes += chunk.length;
      onBytes?.(chunk.length);
      yield chunk;
    }
  };
  const body = Readable.from(observed(), { objectMode: false, highWaterMark: 1 << 20 });
  const stored = await storage.put(folder + key, body, { signal });
  if (stored.bytes !== bytes) {
    throw new BackupDataError(
      'STORAGE_UNAVAILABLE',
      `storage ${storage.name} holds ${stored.bytes} bytes of ${key}, ${bytes} were sent`,
    );
  }
  return { key, bytes, sha256: hash.digest('hex') };
}

/** Reads a stream piecewise: at most so many bytes now, the rest later. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer | undefined;

  constructor(source: Readable) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Whether anything is left; waits until that is known. */
  async more(): Promise<boolean> {
    if (this.#rest) return true;
    const next = await this.#chunks.next();
    this.#rest = next.done ? undefined : next.value;
    return this.#rest !== undefined;
  }

  async *upTo(limit: number): AsyncGenerator<Buffer> {
    for (let left = limit; left > 0 && (await this.more()); ) {
      const chunk = this.#rest ?? Buffer.alloc(0);
      const piece = chunk.subarray(0, left);
      this.#rest = piece.length < chunk.length ? chunk.subarray(piece.length) : undefined;
      left -= piece.length;
      yield piece;
    }
  }
}
