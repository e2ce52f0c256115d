import { type Duplex, pipeline, type Readable } from 'node:stream';

/** A small stream through transforms of this process. The result ends when all of them did, and is destroyed with what failed. */
export function through(source: Readable, transforms: readonly Duplex[]): Readable {
  const last = transforms.at(-1);
  if (!last) return source;
  // A failure reaches the reader of the last one, which is what is read.
  pipeline([source, ...transforms], () => undefined);
  return last;
}
