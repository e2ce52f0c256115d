import type { BlobItem } from '@azure/storage-blob';
import type { AzurePlace } from './place.ts';
import { send } from './request.ts';

/** Blobs that are held in memory at a time. */
const pageSize = 1000;

/** Every blob whose key starts with `prefix`, one page after the other, in the order of the store. */
export async function* listPages(options: {
  place: AzurePlace;
  prefix: string;
  signal: AbortSignal;
  /** Those too that have blocks and were never committed. */
  uncommitted: boolean;
}): AsyncGenerator<BlobItem> {
  const { place, prefix, signal, uncommitted } = options;
  let continuationToken: string | undefined;
  do {
    const page = await send({ place, signal }, (request) =>
      place.container
        .listBlobsFlat({
          prefix: place.root + prefix,
          includeUncommitedBlobs: uncommitted,
          abortSignal: request.signal,
        })
        .byPage({ maxPageSize: pageSize, continuationToken })
        .next(),
    );
    if (page.done) return;
    for (const item of page.value.segment.blobItems) {
      yield item;
      signal.throwIfAborted();
    }
    continuationToken = page.value.continuationToken;
  } while (continuationToken);
}
