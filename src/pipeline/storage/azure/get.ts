import { Readable } from 'node:stream';
import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import { azureFailure, notFound } from './failure.ts';
import { type AzurePlace, blobName, blobOf } from './place.ts';
import { type AnswerBody, readAnswer } from './read.ts';
import { send } from './request.ts';
import { describeBlob, versionOf } from './stat.ts';
import { isRemoved } from './unfinished.ts';

export interface RangeGet {
  place: AzurePlace;
  key: string;
  signal: AbortSignal;
  offset?: number;
  /** To the end when it is not given. */
  length?: number;
}

/** The range as a stream that gives all of it or fails; OBJECT_DAMAGED when the object is too short for it. */
export async function getRange(get: RangeGet): Promise<AnswerBody> {
  const { key, offset = 0, length } = get;
  blobName(get.place, key);
  if (offset < 0 || (length ?? 0) < 0) throw outOfRange(get, 'what it holds');
  if (length === 0) return await nothingOf(get);
  try {
    return await download(get);
  } catch (error) {
    // Azure refuses a range that starts at the end, even one that asks for nothing more.
    if (length === undefined && hasCode(error, 'OBJECT_DAMAGED')) return await nothingOf(get);
    throw error;
  }
}

async function download(get: RangeGet): Promise<AnswerBody> {
  const { place, key, signal, offset = 0, length } = get;
  const blob = blobOf(place, key);
  const answer = await send(get, (request) =>
    blob.download(offset, length, { abortSignal: request.signal, maxRetryRequests: 0 }),
  );
  const source = answer.readableStreamBody;
  const bytes = answer.contentLength;
  if (!(source instanceof Readable) || bytes === undefined)
    throw azureFailure(place, key, new Error('the answer has no body or no size'));
  const { contentType, contentRange, etag } = answer;
  const refusal = refusalOf(get, { bytes, contentType, contentRange });
  if (!refusal) return readAnswer({ place, key, source, bytes, signal, version: versionOf(etag) });
  source.on('error', () => undefined).destroy();
  throw refusal;
}

/** Why an answer is not the range that was asked for: a store gives less without a word where an object ends. */
function refusalOf(
  get: RangeGet,
  answer: { bytes: number; contentType?: string; contentRange?: string },
): BackupDataError | undefined {
  const { place, key, offset = 0, length } = get;
  const { bytes, contentType, contentRange } = answer;
  if (isRemoved(contentType)) return notFound(place, key);
  const [, total] = /\/(\d+)$/.exec(contentRange ?? '') ?? [];
  if (length !== undefined && bytes !== length) return outOfRange(get, `its ${total ?? bytes} bytes`);
  if (offset === 0 || contentRange?.startsWith(`bytes ${offset}-`)) return undefined;
  return azureFailure(place, key, new Error(`the answer is the range ${contentRange}`));
}

/** The empty range, which only must not lie past the end. */
async function nothingOf(get: RangeGet): Promise<AnswerBody> {
  const { bytes, version } = await describeBlob(get);
  if ((get.offset ?? 0) > bytes) throw outOfRange(get, `its ${bytes} bytes`);
  return Object.assign(Readable.from([], { objectMode: false }), { bytes: 0, version });
}

function outOfRange({ key, offset = 0, length }: RangeGet, held: string): BackupDataError {
  const end = length === undefined ? 'the end' : offset + length;
  return new BackupDataError(
    'OBJECT_DAMAGED',
    `the object ${key} does not hold the range ${offset} to ${end}, only ${held}`,
    {
      hint: 'It is shorter than its manifest says: use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
    },
  );
}
