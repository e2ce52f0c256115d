import { Readable } from 'node:stream';
import { BackupDataError } from '../../../shared/errors.ts';
import { azureFailure, placeName, silent } from './failure.ts';
import type { AzurePlace } from './place.ts';

/** The body of an answer, of which exactly `bytes` are owed. */
export interface AnswerRead {
  place: AzurePlace;
  key: string;
  source: Readable;
  bytes: number;
  version: string | undefined;
  signal: AbortSignal;
}

/** The bytes that `get` gives, how many they are, and the version of the object that they are of. */
export interface AnswerBody extends Readable {
  bytes: number;
  version: string | undefined;
}

/**
 * The answer's bytes as a stream that fails with STORAGE_UNAVAILABLE, rather than end, where the connection breaks,
 * ends early or gives nothing for the place's `requestTimeout` while somebody waits for more.
 */
export function readAnswer(read: AnswerRead): AnswerBody {
  const { place, source, signal, bytes, version } = read;
  // Before the first wait: it may fail while nobody reads.
  source.on('error', () => undefined);
  const chunks = source[Symbol.asyncIterator]();
  let received = 0;
  const stream = new Readable({
    read() {
      const silence = setTimeout(() => this.destroy(silent(place)), place.requestTimeout);
      nextChunk(chunks, read, received)
        .finally(() => clearTimeout(silence))
        .then(
          (chunk) => {
            received += chunk?.byteLength ?? 0;
            this.push(chunk);
          },
          (error: Error) => this.destroy(error),
        );
    },
    destroy(error, done) {
      signal.removeEventListener('abort', abort);
      source.destroy();
      done(error);
    },
  });
  const abort = () => stream.destroy(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  return Object.assign(stream, { bytes, version });
}

async function nextChunk(
  chunks: AsyncIterator<Uint8Array>,
  { place, key, bytes }: AnswerRead,
  received: number,
): Promise<Uint8Array | null> {
  const next = await chunks.next().catch((error: unknown) => {
    throw azureFailure(place, key, error);
  });
  if (!next.done) return next.value;
  if (received === bytes) return null;
  throw new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `${placeName(place)} gave ${received} of ${bytes} bytes of the object ${key}`,
    { hint: 'Try again; if it stays so, use another backup, or a copy of this one (`--storage NAME`).' },
  );
}
