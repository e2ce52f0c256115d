import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { BackupDataError } from '../../shared/errors.ts';
import { guarded, type LocalPlace, notFound, unless } from './local-failure.ts';
import { absent } from './local-paths.ts';

/** Bytes per read: fewer trips to the disk than the default 64 KiB, and still little memory. */
const chunkBytes = 256 * 1024;

export interface RangeRead {
  place: LocalPlace;
  key: string;
  path: string;
  /** The first byte, and the one after the last. */
  start: number;
  end: number;
  signal: AbortSignal;
}

/**
 * The range as a stream that fails with OBJECT_DAMAGED, rather than end, where the file stops short of it.
 * OBJECT_NOT_FOUND when the file went away.
 */
export async function readRange(read: RangeRead): Promise<Readable> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const handle = await guarded(read.place, () => unless(absent, open(read.path, flags)));
  if (!handle) throw notFound(read.place, read.key);
  let position = read.start;
  const stream = new Readable({
    highWaterMark: chunkBytes,
    read() {
      readChunk(handle, read, position).then(
        (chunk) => {
          position += chunk?.byteLength ?? 0;
          this.push(chunk);
        },
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      read.signal.removeEventListener('abort', abort);
      handle.close().then(
        () => done(error),
        (failure: Error) => done(error ?? failure),
      );
    },
  });
  const abort = () => stream.destroy(read.signal.reason);
  read.signal.addEventListener('abort', abort);
  if (read.signal.aborted) abort();
  return stream;
}

async function readChunk(
  handle: FileHandle,
  { place, key, end }: RangeRead,
  position: number,
): Promise<Buffer | null> {
  if (position >= end) return null;
  const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - position));
  const { bytesRead } = await guarded(place, () => handle.read(chunk, 0, chunk.byteLength, position));
  if (bytesRead > 0) return chunk.subarray(0, bytesRead);
  throw new BackupDataError(
    'OBJECT_DAMAGED',
    `the object ${key} ends after ${position} bytes, before byte ${end}`,
    {
      hint: 'Use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
    },
  );
}
