import type { Readable } from 'node:stream';

/** What a body gives, chunk by chunk, to a reader that may have to stop at any time. */
export interface ChunkReader {
  /**
   * The next bytes, or null at the body's end. Throws the body's own error, and the signal's reason as soon as that
   * aborts, even while the body gives nothing. One call at a time.
   */
  next(): Promise<Buffer | null>;
}

/**
 * Reads by events and not by iteration: the iterator of a stream is stuck for as long as a stalled source is, whether
 * the stream was destroyed or not.
 */
export function createChunkReader(body: Readable, signal: AbortSignal): ChunkReader {
  let wake = (): void => undefined;
  let failure: { error: unknown } | undefined;
  const onEvent = (): void => wake();
  body.on('readable', onEvent).on('end', onEvent).on('close', onEvent);
  body.on('error', (error) => {
    failure = { error };
    wake();
  });
  signal.addEventListener('abort', onEvent, { once: true });
  const look = (): Buffer | null | undefined => {
    signal.throwIfAborted();
    if (failure ?? body.errored) throw failure ? failure.error : body.errored;
    const chunk: Buffer | null = body.read();
    if (chunk !== null) return chunk;
    if (body.readableEnded) return null;
    if (body.destroyed) throw new Error('the body was destroyed before its end');
    return undefined;
  };
  return {
    next: async () => {
      for (;;) {
        const woken = Promise.withResolvers<void>();
        wake = woken.resolve;
        const seen = look();
        if (seen !== undefined) return seen;
        await woken.promise;
      }
    },
  };
}
