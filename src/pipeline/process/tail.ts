import type { Readable } from 'node:stream';

/** Drains a stream for ever and keeps only its last `limit` bytes; an undrained stderr would hang its program. */
export function keepTail(stream: Readable | null, limit = 4096): () => string {
  let tail = Buffer.alloc(0);
  stream?.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk.subarray(-limit)]).subarray(-limit);
  });
  stream?.on('error', () => undefined);
  return () => tail.toString('utf8');
}
