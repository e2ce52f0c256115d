import type { BlobItem } from '@azure/storage-blob';
import { hasCode } from '../../../shared/errors.ts';
import { isKey } from '../key.ts';
import { readBlockId } from './block-id.ts';
import { listPages } from './list.ts';
import { type AzurePlace, blobOf } from './place.ts';
import { send } from './request.ts';

/**
 * The content type of an empty blob that takes the place of blocks for a moment, because Azure has no other way to
 * remove blocks: they go when the blob is committed without them. No method of the storage takes it for an object.
 */
const removedType = 'application/vnd.backupdata.removed';

/** Whether a blob only stands for blocks that are being removed. */
export function isRemoved(contentType: string | undefined): boolean {
  return contentType === removedType;
}

/**
 * Removes the uncommitted blocks of a key, if `mayGo` holds for the ids of all of them; whether it did. The upload that
 * they belong to cannot commit afterwards. A blob that exists keeps its bytes: both steps are conditional.
 */
export async function discardBlocks(options: {
  place: AzurePlace;
  key: string;
  mayGo: (ids: readonly string[]) => boolean;
  signal: AbortSignal;
}): Promise<boolean> {
  const { place, key, mayGo, signal } = options;
  const blob = blobOf(place, key);
  const to = { place, key, signal };
  return await unlessChanged(async () => {
    const found = await send(to, (request) =>
      blob.getBlockList('uncommitted', { abortSignal: request.signal }),
    );
    const ids = (found.uncommittedBlocks ?? []).map((block) => block.name);
    if (ids.length === 0 || !mayGo(ids)) return false;
    const { etag } = await send(to, (request) =>
      blob.commitBlockList([], {
        abortSignal: request.signal,
        conditions: { ifNoneMatch: '*' },
        blobHTTPHeaders: { blobContentType: removedType },
      }),
    );
    await removeExactly({ place, key, etag, signal });
    return true;
  });
}

/** Removes the blob only if it is still the one of this version; whether it was. */
export async function removeExactly(options: {
  place: AzurePlace;
  key: string;
  etag: string | undefined;
  signal: AbortSignal;
}): Promise<boolean> {
  const { place, key, etag, signal } = options;
  if (etag === undefined) return false;
  const blob = blobOf(place, key);
  const conditions = { ifMatch: `"${etag.replaceAll('"', '')}"` };
  return await unlessChanged(async () => {
    await send({ place, key, signal }, (request) => blob.delete({ abortSignal: request.signal, conditions }));
    return true;
  });
}

/** What the work says; false when a condition of it did not hold, because there is another blob by now or none. */
async function unlessChanged(work: () => Promise<boolean>): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND') || hasCode(error, 'OBJECT_EXISTS')) return false;
    throw error;
  }
}

/** Removes what was left unfinished below the prefix and last touched before `olderThan`; how many uploads it was. */
export async function sweepUnfinished(options: {
  place: AzurePlace;
  prefix: string;
  olderThan: Date;
  signal: AbortSignal;
}): Promise<number> {
  const { place, prefix, signal } = options;
  let removed = 0;
  for await (const item of listPages({ place, prefix, signal, uncommitted: true })) {
    const key = item.name.slice(place.root.length);
    if (isKey(key) && (await sweepItem({ ...options, key, item }))) removed += 1;
  }
  return removed;
}

async function sweepItem(options: {
  place: AzurePlace;
  key: string;
  item: BlobItem;
  olderThan: Date;
  signal: AbortSignal;
}): Promise<boolean> {
  const { place, key, item, olderThan, signal } = options;
  const { contentType, lastModified, etag } = item.properties;
  if (isRemoved(contentType))
    return lastModified < olderThan && (await removeExactly({ place, key, etag, signal }));
  // A blob that was never committed has no content type, and on Azure no date either: its block ids have to tell.
  if (contentType) return false;
  const mayGo = (ids: readonly string[]) => ids.every((id) => isOlder(id, olderThan));
  return await discardBlocks({ place, key, mayGo, signal });
}

/** Blocks of others, such as a person's own upload, have other ids and stay. */
function isOlder(id: string, olderThan: Date): boolean {
  const block = readBlockId(id);
  return block !== undefined && block.at < olderThan;
}
