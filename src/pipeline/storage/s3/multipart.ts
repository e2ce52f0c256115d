import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { BackupDataError } from '../../../shared/errors.ts';
import type { BodyPart, PartReader } from '../parts.ts';
import { longPatience } from '../retry.ts';
import type { StoredObject } from '../storage.ts';
import { confirm } from './confirm.ts';
import { describe, s3NameOf } from './failure.ts';
import { nameOf, request, type S3Place, type UploadedPart } from './place.ts';
import { stat } from './stat.ts';
import { abortUpload } from './sweep.ts';

/** Bytes. A constant, so that memory is, too: no size is known before a dump has ended. */
export const partSize = 8 * 1024 * 1024;
const partsAtOnce = 4;
/** The most that any store takes. */
const mostParts = 10_000;
/** Milliseconds that a request which begins or completes an upload is given to end well after an abort. */
const abortGrace = 2_000;
/** Milliseconds for taking an upload back; what is left then is for sweep. */
const cleanUpLimit = 10_000;

export interface MultipartUpload {
  key: string;
  first: BodyPart;
  parts: PartReader;
  ifAbsent: boolean;
  /** Aborts when the body must not be read any further, with the failure that the upload ends with. */
  stop: AbortController;
  /** The caller's signal or `stop`. */
  signal: AbortSignal;
  /** Throws OBJECT_EXISTS when the key may not be taken any more; asked before the upload is completed. */
  beforeCommit: () => Promise<void>;
}

/**
 * Stores a body of more than one part. When anything fails the body is read no further, the requests under
 * way are ended, and the upload is taken back before the failure is thrown.
 *
 * Not lib-storage's Upload: when a part fails for good there, the others read the body to its end first; an abort does
 * not reach the requests under way, and none while the source stalls takes the upload back.
 */
export async function uploadParts(place: S3Place, upload: MultipartUpload): Promise<StoredObject> {
  using graced = afterGrace(place, upload.signal);
  const uploadId = await begin(place, upload, graced.signal);
  try {
    upload.signal.throwIfAborted();
    const { sent, bytes } = await sendParts(place, upload, uploadId);
    await upload.beforeCommit();
    await complete(place, upload, { uploadId, sent, bytes, signal: graced.signal });
    return await confirm(place, { key: upload.key, bytes, rivals: upload.ifAbsent, signal: graced.signal });
  } catch (error) {
    await takeBack(place, upload, uploadId);
    throw error;
  }
}

async function begin(place: S3Place, { key }: MultipartUpload, signal: AbortSignal): Promise<string> {
  const { UploadId } = await request(place, { key, signal, patience: longPatience }, (options) =>
    place.client.send(
      new CreateMultipartUploadCommand({
        ...nameOf(place, key),
        ...place.settings,
        // The parts carry theirs; AWS takes them only where the upload said so.
        ChecksumAlgorithm: place.checksums ? 'CRC32' : undefined,
      }),
      options,
    ),
  );
  if (UploadId !== undefined) return UploadId;
  throw new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `the storage ${place.storage} (${describe(place)}) began an upload and did not name it`,
    { hint: 'Check that the endpoint speaks S3.' },
  );
}

async function sendParts(
  place: S3Place,
  upload: MultipartUpload,
  uploadId: string,
): Promise<{ sent: UploadedPart[]; bytes: number }> {
  const { stop, signal, parts } = upload;
  const sent: UploadedPart[] = [];
  const underWay = new Set<Promise<void>>();
  const send = async (part: BodyPart, number: number): Promise<void> => {
    try {
      sent[number - 1] = await sendPart(place, upload, { uploadId, number, bytes: part.bytes });
      part.release();
    } catch (error) {
      stop.abort(error);
    }
  };
  let bytes = 0;
  try {
    let part = upload.first;
    for (let number = 1; ; number += 1) {
      if (number > mostParts) throw tooManyParts(place, upload);
      if (underWay.size === partsAtOnce) await Promise.race(underWay);
      signal.throwIfAborted();
      bytes += part.bytes.length;
      const sending: Promise<void> = send(part, number).finally(() => underWay.delete(sending));
      underWay.add(sending);
      if (part.last) break;
      part = await parts.next();
    }
  } catch (error) {
    stop.abort(error);
  }
  await Promise.all(underWay);
  signal.throwIfAborted();
  return { sent, bytes };
}

async function sendPart(
  place: S3Place,
  { key, signal }: MultipartUpload,
  part: { uploadId: string; number: number; bytes: Buffer },
): Promise<UploadedPart> {
  const answer = await request(place, { key, signal, patience: longPatience }, (options) =>
    place.client.send(
      new UploadPartCommand({
        ...nameOf(place, key),
        UploadId: part.uploadId,
        PartNumber: part.number,
        Body: part.bytes,
      }),
      options,
    ),
  );
  const { ETag, ChecksumCRC32 } = answer;
  return { PartNumber: part.number, ETag, ...(ChecksumCRC32 && { ChecksumCRC32 }) };
}

/** When the store no longer knows the upload, an earlier try completed it and its answer was lost. */
async function complete(
  place: S3Place,
  { key, ifAbsent }: MultipartUpload,
  made: { uploadId: string; sent: UploadedPart[]; bytes: number; signal: AbortSignal },
): Promise<void> {
  const { uploadId, sent, bytes, signal } = made;
  try {
    await request(place, { key, signal, patience: longPatience }, (options) =>
      place.client.send(
        new CompleteMultipartUploadCommand({
          ...nameOf(place, key),
          UploadId: uploadId,
          MultipartUpload: { Parts: sent },
          IfNoneMatch: ifAbsent && place.fence === 'conditional' ? '*' : undefined,
        }),
        options,
      ),
    );
  } catch (error) {
    if (s3NameOf(error) !== 'NoSuchUpload') throw error;
    const stored = await stat(place, key, signal).catch(() => undefined);
    if (stored?.bytes !== bytes) throw error;
  }
}

/** Waits for it, within a limit; the failure that led here is the one to report. */
async function takeBack(place: S3Place, { key }: MultipartUpload, uploadId: string): Promise<void> {
  const upload = { Key: nameOf(place, key).Key, UploadId: uploadId };
  await abortUpload(place, upload, AbortSignal.timeout(cleanUpLimit)).catch(() => undefined);
}

/**
 * Follows `signal` some time later: a request that is cut off may have been done all the same, and an upload that was
 * begun without our learning its name, or completed without our knowing, cannot be taken back.
 */
function afterGrace(place: S3Place, signal: AbortSignal): { signal: AbortSignal } & Disposable {
  const late = new AbortController();
  const done = new AbortController();
  const follow = (): void =>
    void place.pace.wait(abortGrace, done.signal).then(
      () => late.abort(signal.reason),
      () => undefined,
    );
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  return {
    signal: late.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', follow);
      done.abort();
    },
  };
}

function tooManyParts(place: S3Place, { key }: MultipartUpload): BackupDataError {
  return new BackupDataError(
    'CONFIG_INVALID',
    `${key} has more than the ${mostParts} parts of 8 MiB that the storage ${place.storage} takes for one object`,
    { hint: 'Set volumeSize of this database to 78GiB or less.' },
  );
}
