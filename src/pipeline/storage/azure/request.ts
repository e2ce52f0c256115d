import { Readable } from 'node:stream';
import { azureFailure, silent } from './failure.ts';
import type { AzurePlace } from './place.ts';

/** What one request tells the one who waits for it. */
export interface Request {
  /** Aborts the request. */
  signal: AbortSignal;
  /** Bytes moved: the silence that is allowed begins anew. */
  moved(): void;
  /** All of it was handed to the network. From here the store may act upon it, whether we wait for its answer or not. */
  sent(): void;
}

export interface Addressed {
  place: AzurePlace;
  /** The object that it is about. */
  key?: string;
  signal: AbortSignal;
}

/**
 * How long an answer is awaited after an abort, once a request was handed over whole. Milliseconds. Hanging up at once
 * would leave a block that appears behind the back of whoever clears up, or an object that nobody knows of.
 */
const settleTime = 3_000;
/** Bytes that are handed to the network at a time: what the silence is measured by. */
const sliceBytes = 256 * 1024;

/**
 * Every request to the store goes through here. Rejects with the signal's reason, with STORAGE_UNAVAILABLE when nothing
 * moves for the place's `requestTimeout`, or with the failure translated.
 */
export async function send<T>(to: Addressed, call: (request: Request) => Promise<T>): Promise<T> {
  const { place, key, signal } = to;
  signal.throwIfAborted();
  const controller = new AbortController();
  const silence = setTimeout(() => controller.abort(silent(place)), place.requestTimeout);
  const hangUp = () => controller.abort(signal.reason);
  let wholeSent = false;
  let settling: NodeJS.Timeout | undefined;
  const abort = () => {
    if (wholeSent) settling = setTimeout(hangUp, settleTime);
    else hangUp();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await call({
      signal: controller.signal,
      moved: () => void silence.refresh(),
      sent: () => {
        wholeSent = true;
      },
    });
  } catch (error) {
    controller.signal.throwIfAborted();
    throw azureFailure(place, key, error);
  } finally {
    clearTimeout(silence);
    clearTimeout(settling);
    signal.removeEventListener('abort', abort);
  }
}

/** The bytes as a request's body, which tells how far it got. */
export function bodyOf(bytes: Uint8Array, request: Request): Uint8Array | (() => Readable) {
  if (bytes.byteLength > sliceBytes)
    return () => Readable.from(slices(bytes, request), { objectMode: false, highWaterMark: sliceBytes });
  request.sent();
  return bytes;
}

function* slices(bytes: Uint8Array, request: Request): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += sliceBytes) {
    request.moved();
    if (at + sliceBytes >= bytes.byteLength) request.sent();
    yield bytes.subarray(at, at + sliceBytes);
  }
}
