import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { assertPrefix, isKey } from '../key.ts';
import { s3NameOf } from './failure.ts';
import { request, type S3Place } from './place.ts';

/** Aborts the uploads below `prefix` that were begun before `olderThan`; their number. */
export async function sweep(
  place: S3Place,
  prefix: string,
  olderThan: Date,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  assertPrefix(prefix);
  let swept = 0;
  let page: ListMultipartUploadsCommandOutput | undefined;
  do {
    page = await listUploads(place, { prefix, after: page, signal });
    for (const upload of page.Uploads ?? []) {
      if (!isOurs(place, upload) || !isOlder(upload, olderThan)) continue;
      if (await abortUpload(place, upload, signal)) swept += 1;
    }
  } while (page.IsTruncated);
  return swept;
}

/** Whether it was there to be aborted. */
export async function abortUpload(
  place: S3Place,
  { Key, UploadId }: MultipartUpload,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await request(place, { signal }, (options) =>
      place.client.send(new AbortMultipartUploadCommand({ Bucket: place.bucket, Key, UploadId }), options),
    );
    return true;
  } catch (error) {
    if (s3NameOf(error) === 'NoSuchUpload') return false;
    throw error;
  }
}

async function listUploads(
  place: S3Place,
  options: { prefix: string; after: ListMultipartUploadsCommandOutput | undefined; signal: AbortSignal },
): Promise<ListMultipartUploadsCommandOutput> {
  const { prefix, after, signal } = options;
  return await request(place, { signal }, (settings) =>
    place.client.send(
      new ListMultipartUploadsCommand({
        Bucket: place.bucket,
        Prefix: place.prefix + prefix,
        KeyMarker: after?.NextKeyMarker,
        UploadIdMarker: after?.NextUploadIdMarker,
      }),
      settings,
    ),
  );
}

function isOurs(place: S3Place, { Key = '' }: MultipartUpload): boolean {
  return Key.startsWith(place.prefix) && isKey(Key.slice(place.prefix.length));
}

function isOlder({ Initiated }: MultipartUpload, olderThan: Date): boolean {
  return Initiated !== undefined && Initiated < olderThan;
}
