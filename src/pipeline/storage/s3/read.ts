import { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { BackupDataError } from '../../../shared/errors.ts';
import { assertKey } from '../key.ts';
import type { ObjectBody } from '../storage.ts';
import { describe, s3Failure, s3NameOf } from './failure.ts';
import { nameOf, request, type S3Place } from './place.ts';
import { stat, versionOf } from './stat.ts';

interface Range {
  offset: number;
  /** Undefined for all that follows. */
  length: number | undefined;
}

/** The bytes of an object, as many as were asked for or a failure. */
export async function get(
  place: S3Place,
  key: string,
  options: { signal: AbortSignal; offset?: number; length?: number },
): Promise<ObjectBody> {
  const { signal, offset = 0, length } = options;
  const range: Range = { offset, length };
  signal.throwIfAborted();
  assertKey(key);
  if (length === 0) return await emptyRange(place, key, { range, signal });
  try {
    const answer = await request(place, { key, signal }, (settings) =>
      place.client.send(new GetObjectCommand({ ...nameOf(place, key), Range: headerOf(range) }), settings),
    );
    return openBody(place, key, { answer, range, signal });
  } catch (error) {
    if (s3NameOf(error) === 'InvalidRange') return await emptyRange(place, key, { range, signal });
    throw error;
  }
}

/** All of an object is asked for without a range, so that its checksum is compared where it has one. */
function headerOf({ offset, length }: Range): string | undefined {
  if (offset === 0 && length === undefined) return undefined;
  return `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
}

/** A range of no bytes, which HTTP cannot ask for; it too must lie within the object. */
async function emptyRange(
  place: S3Place,
  key: string,
  { range, signal }: { range: Range; signal: AbortSignal },
): Promise<ObjectBody> {
  const { bytes, version } = await stat(place, key, signal);
  const { offset, length = bytes - offset } = range;
  if (length !== 0 || offset > bytes) throw outOfRange(place, key, { range, bytes });
  return Object.assign(Readable.from([], { objectMode: false }), { bytes: 0, version });
}

function openBody(
  place: S3Place,
  key: string,
  opened: { answer: GetObjectCommandOutput; range: Range; signal: AbortSignal },
): ObjectBody {
  const { answer, range, signal } = opened;
  const body = answer.Body;
  if (!(body instanceof Readable)) throw s3Failure(place, new Error('the answer has no body'), key);
  try {
    const bytes = bytesOf(place, key, { answer, range });
    const stream = exactly({ body, bytes, signal, fail: (error) => bodyFailure(place, key, error) });
    return Object.assign(stream, { bytes, version: versionOf(answer.ETag) });
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/** How many bytes the answer must hold. A store may give less than a range asks for, or all of the object instead. */
function bytesOf(
  place: S3Place,
  key: string,
  { answer, range }: { answer: GetObjectCommandOutput; range: Range },
): number {
  if (headerOf(range) === undefined && answer.ContentLength !== undefined) return answer.ContentLength;
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.ContentRange ?? '');
  const total = Number(match?.[2]);
  if (!match || Number(match[1]) !== range.offset)
    throw s3Failure(place, new Error('the answer is not the range that was asked for'), key);
  const length = range.length ?? total - range.offset;
  if (range.offset + length > total) throw outOfRange(place, key, { range, bytes: total });
  return length;
}

/** A checksum that the SDK found wrong has no name of its own. */
function bodyFailure(place: S3Place, key: string, error: Error): BackupDataError {
  if (!error.message.startsWith('Checksum mismatch')) return s3Failure(place, error, key);
  return new BackupDataError(
    'OBJECT_DAMAGED',
    `the object ${key} in the storage ${place.storage} (${describe(place)}) is not what its checksum says`,
    {
      hint: 'Use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
      cause: error,
    },
  );
}

function outOfRange(
  place: S3Place,
  key: string,
  { range, bytes }: { range: Range; bytes: number },
): BackupDataError {
  const end = range.length === undefined ? 'its end' : range.offset + range.length;
  return new BackupDataError(
    'OBJECT_DAMAGED',
    `the object ${key} in the storage ${place.storage} has ${bytes} bytes, not the range ${range.offset} to ${end}`,
    {
      hint: 'It is shorter than its manifest says: use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
    },
  );
}

/**
 * The body as a stream that ends after exactly `bytes`, and fails with what `fail` makes of the cause where it breaks
 * off before or goes on after. Destroyed with the signal's reason when that aborts, also while no byte comes.
 */
function exactly(options: {
  body: Readable;
  bytes: number;
  signal: AbortSignal;
  fail: (error: Error) => BackupDataError;
}): Readable {
  const { body, bytes, signal, fail } = options;
  let given = 0;
  const stop = (error: Error): void => void stream.destroy(signal.aborted ? signal.reason : fail(error));
  const stopShort = (): void => stop(new Error(`it broke off after ${given} of ${bytes} bytes`));
  const abort = (): void => void stream.destroy(signal.reason);
  const stream = new Readable({
    read: () => void body.resume(),
    destroy: (error, done) => {
      signal.removeEventListener('abort', abort);
      body.destroy();
      done(error);
    },
  });
  body.on('data', (chunk: Buffer) => {
    given += chunk.length;
    if (given > bytes) stop(new Error(`it holds more than ${bytes} bytes`));
    else if (!stream.push(chunk)) body.pause();
  });
  body.once('end', () => (given === bytes ? stream.push(null) : stopShort()));
  body.on('error', stop);
  body.once('close', () => {
    if (!body.readableEnded) stopShort();
  });
  body.pause();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return stream;
}
