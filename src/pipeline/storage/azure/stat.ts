import type { StoredObject } from '../storage.ts';
import { azureFailure, notFound } from './failure.ts';
import { blobOf } from './place.ts';
import { type Addressed, send } from './request.ts';
import { isRemoved } from './unfinished.ts';

/** What the store says of an object. OBJECT_NOT_FOUND when absent. */
export async function describeBlob(to: Addressed & { key: string }): Promise<StoredObject> {
  const { place, key } = to;
  const blob = blobOf(place, key);
  const found = await send(to, (request) => blob.getProperties({ abortSignal: request.signal }));
  if (isRemoved(found.contentType)) throw notFound(place, key);
  return storedObject(to, found);
}

/** The parts of an answer that describe an object; an answer without them is none. */
export function storedObject(
  { place, key }: Pick<Addressed, 'place'> & { key: string },
  answer: { contentLength?: number; lastModified?: Date; etag?: string },
): StoredObject {
  const { contentLength: bytes, lastModified: modifiedAt, etag } = answer;
  if (bytes === undefined || modifiedAt === undefined)
    throw azureFailure(place, key, new Error('the answer has no size or no date'));
  return { key, bytes, modifiedAt, version: versionOf(etag) };
}

/** A listing gives it without the quotes that other answers have. */
export function versionOf(etag: string | undefined): string | undefined {
  return etag?.replaceAll('"', '');
}
