import type { Readable } from 'node:stream';
import { createChunkReader } from './body.ts';

/** A piece of a body in a buffer that is used again once the piece was stored. */
export interface BodyPart {
  bytes: Buffer;
  /** Whether the body ends with it. */
  last: boolean;
  /** Gives the buffer back. */
  release(): void;
}

export interface PartReader {
  /** The next part. Throws as `ChunkReader.next` does. One call at a time, none after the last part. */
  next(): Promise<BodyPart>;
}

/** A body that fits into less than a part takes no more memory than about its own size. */
const smallest = 64 * 1024;
const growth = 8;

/**
 * Cuts a body into parts of exactly `partSize` bytes but for the last, whatever the size of its chunks. Takes as many
 * buffers of that size as parts were not yet released, and one to read ahead.
 */
export function createPartReader(options: {
  body: Readable;
  partSize: number;
  signal: AbortSignal;
}): PartReader {
  const { body, partSize, signal } = options;
  const chunks = createChunkReader(body, signal);
  const free: Buffer[] = [];
  let firstSize = Math.min(smallest, partSize);
  let rest: Buffer | null = Buffer.alloc(0);

  const fill = async (): Promise<{ buffer: Buffer; used: number }> => {
    let buffer = free.pop() ?? Buffer.allocUnsafeSlow(firstSize);
    let used = 0;
    while (rest !== null && used < partSize) {
      if (rest.length === 0) {
        rest = await chunks.next();
        continue;
      }
      buffer = withRoom(buffer, { used, needed: used + rest.length, partSize });
      const taken = rest.copy(buffer, used);
      used += taken;
      rest = rest.subarray(taken);
    }
    return { buffer, used };
  };
  return {
    next: async () => {
      const { buffer, used } = await fill();
      while (rest?.length === 0) rest = await chunks.next();
      firstSize = partSize;
      return {
        bytes: buffer.subarray(0, used),
        last: rest === null,
        release: () => void free.push(buffer),
      };
    },
  };
}

function withRoom(
  buffer: Buffer,
  { used, needed, partSize }: { used: number; needed: number; partSize: number },
): Buffer {
  if (needed <= buffer.length || buffer.length === partSize) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.min(partSize, Math.max(needed, buffer.length * growth)));
  buffer.copy(larger, 0, 0, used);
  return larger;
}
