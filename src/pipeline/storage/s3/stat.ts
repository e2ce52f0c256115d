import { HeadBucketCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { hasCode } from '../../../shared/errors.ts';
import { assertKey } from '../key.ts';
import type { StoredObject } from '../storage.ts';
import { s3Failure } from './failure.ts';
import { nameOf, request, type S3Place } from './place.ts';

export async function stat(
  place: S3Place,
  key: string,
  signal: AbortSignal,
  patience?: number,
): Promise<StoredObject> {
  signal.throwIfAborted();
  assertKey(key);
  try {
    const head = await request(place, { key, signal, patience }, (options) =>
      place.client.send(new HeadObjectCommand(nameOf(place, key)), options),
    );
    return {
      key,
      bytes: head.ContentLength ?? 0,
      modifiedAt: head.LastModified ?? new Date(0),
      version: versionOf(head.ETag),
    };
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) await refuseMissingBucket(place, signal);
    throw error;
  }
}

export async function exists(place: S3Place, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await stat(place, key, signal);
    return true;
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) return false;
    throw error;
  }
}

/** An ETag without its quotes. */
export function versionOf(etag: string | undefined): string | undefined {
  return etag?.replaceAll('"', '');
}

/** The answer to HEAD has no body, so it does not tell a missing object from a missing bucket. */
async function refuseMissingBucket(place: S3Place, signal: AbortSignal): Promise<void> {
  try {
    await request(place, { signal }, (options) =>
      place.client.send(new HeadBucketCommand({ Bucket: place.bucket }), options),
    );
  } catch (error) {
    signal.throwIfAborted();
    const { name } = error instanceof Error && error.cause instanceof Error ? error.cause : { name: '' };
    // Not being allowed to ask is no sign of a missing bucket.
    if (name === 'NotFound') throw s3Failure(place, { name: 'NoSuchBucket' });
  }
}
