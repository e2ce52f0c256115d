import type { CompletedPart, PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { briefPatience, type Pace, retry } from '../retry.ts';
import type { Storage } from '../storage.ts';
import { type S3Location, s3Failure } from './failure.ts';

/** How an S3 storage reaches its objects. */
export interface S3Place extends S3Location {
  client: S3Client;
  /** In front of every key: empty, or with a slash at its end. */
  prefix: string;
  /** Becomes best-effort when the store turns out to refuse If-None-Match. */
  fence: Storage['fence'];
  pace: Pace;
  /** Whether the parts of an upload carry a checksum of their own. */
  checksums: boolean;
  /** Storage class and encryption of new objects. */
  settings: Pick<PutObjectCommandInput, 'StorageClass' | 'ServerSideEncryption' | 'SSEKMSKeyId'>;
}

export type UploadedPart = CompletedPart & { PartNumber: number };

/** The name of an object in the bucket. */
export function nameOf(place: S3Place, key: string): { Bucket: string; Key: string } {
  return { Bucket: place.bucket, Key: place.prefix + key };
}

/**
 * Makes a request until it is answered, as long as `patience` lasts (10 s where it is not given). Every failure
 * is one of ours; `key` is the object that it is about.
 */
export async function request<T>(
  place: S3Place,
  options: { key?: string; signal: AbortSignal; patience?: number },
  send: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const { key, signal, patience = briefPatience } = options;
  const once = async (): Promise<T> => {
    signal.throwIfAborted();
    try {
      return await send({ abortSignal: signal });
    } catch (error) {
      signal.throwIfAborted();
      throw s3Failure(place, error, key);
    }
  };
  return await retry(once, { pace: place.pace, patience, signal });
}
