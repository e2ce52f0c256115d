import type { Readable } from 'node:stream';

export interface Tail {
  text: string;
  /** Bytes that came before it. */
  dropped: number;
}

/** Drains a stream for ever and keeps only its last `limit` bytes; an undrained stderr would hang its program. */
export function keepTail(stream: Readable | null, limit: number): () => Tail {
  let tail = Buffer.alloc(0);
  let bytes = 0;
  stream?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    tail = Buffer.concat([tail, chunk.subarray(-limit)]).subarray(-limit);
  });
  stream?.on('error', () => undefined);
  return () => ({ text: tail.toString('utf8'), dropped: bytes - tail.length });
}
