import { type _Object, ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { BackupDataError } from '../../../shared/errors.ts';
import { assertPrefix, isKey } from '../key.ts';
import type { StoredObject } from '../storage.ts';
import { request, type S3Place } from './place.ts';
import { versionOf } from './stat.ts';

/** Page by page, as it is asked for. What cannot be a key of ours is passed over. */
export async function* list(
  place: S3Place,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  signal.throwIfAborted();
  assertPrefix(prefix);
  let token: string | undefined;
  do {
    const page = await listPage(place, { prefix, token, signal });
    for (const object of page.Contents ?? []) {
      signal.throwIfAborted();
      const described = describeObject(place, object);
      if (described) yield described;
    }
    token = nextToken(place, page);
  } while (token !== undefined);
}

async function listPage(
  place: S3Place,
  { prefix, token, signal }: { prefix: string; token: string | undefined; signal: AbortSignal },
): Promise<ListObjectsV2CommandOutput> {
  return await request(place, { signal }, (options) =>
    place.client.send(
      new ListObjectsV2Command({
        Bucket: place.bucket,
        Prefix: place.prefix + prefix,
        ContinuationToken: token,
      }),
      options,
    ),
  );
}

function describeObject(place: S3Place, object: _Object): StoredObject | undefined {
  const key = object.Key?.slice(place.prefix.length) ?? '';
  if (!isKey(key)) return undefined;
  return {
    key,
    bytes: object.Size ?? 0,
    modifiedAt: object.LastModified ?? new Date(0),
    version: versionOf(object.ETag),
  };
}

/** A listing that stops short would make backups look gone. */
function nextToken(place: S3Place, page: ListObjectsV2CommandOutput): string | undefined {
  if (!page.IsTruncated) return undefined;
  if (page.NextContinuationToken !== undefined) return page.NextContinuationToken;
  throw new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `the storage ${place.storage} says that its listing goes on, but not where`,
    { hint: 'Its server does not speak S3 as it should; use a newer release of it.' },
  );
}
