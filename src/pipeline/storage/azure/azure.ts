import { Readable } from 'node:stream';
import type { AzureStorageConfig } from '../../../shared/config/storage-schema.ts';
import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import { assertPrefix, isKey } from '../key.ts';
import type { Storage, StoredObject } from '../storage.ts';
import { placeName } from './failure.ts';
import { getRange } from './get.ts';
import { listPages } from './list.ts';
import { type Again, type AzurePlace, blobName, openPlace } from './place.ts';
import { send } from './request.ts';
import { describeBlob, storedObject } from './stat.ts';
import { isRemoved, sweepUnfinished } from './unfinished.ts';
import { blockBytes, writeBody } from './upload.ts';
import { type ObjectWrite, writeBytes } from './write.ts';

const removedAtOnce = 16;

export interface AzureStorageOptions {
  name: string;
  config: AzureStorageConfig;
  /** 8 or more of a-z0-9, always as many, new at every call: tells the blocks of one put from all others. */
  randomText: () => string;
  clock?: () => Date;
  /** Milliseconds without a byte sent or received after which a request has failed. */
  requestTimeout?: number;
  /** Tries the requests of a put again, which cannot be begun anew: each is made once where it is not given. */
  again?: Again;
}

/**
 * A container of Azure Blob Storage as a storage. Objects are block blobs; what a put sends is no blob before it is
 * committed. CONFIG_INVALID when the connection string cannot be used.
 */
export function createAzureStorage(options: AzureStorageOptions): Storage {
  const {
    name,
    config,
    randomText,
    clock = () => new Date(),
    requestTimeout = 60_000,
    again = once,
  } = options;
  const place = openPlace({ name, config, requestTimeout, again });
  return {
    name,
    fence: 'conditional',
    put: (key, body, { signal, ifAbsent = false }) =>
      put({ place, key, ifAbsent, signal, random: randomText(), clock }, body),
    get: (key, range) => getRange({ place, key, ...range }),
    stat: (key, signal) => describeBlob({ place, key, signal }),
    list: (prefix, signal) => list(place, prefix, signal),
    remove: (keys, signal) => remove(place, keys, signal),
    sweep: async (prefix, olderThan, signal) => {
      assertPrefix(prefix);
      return await sweepUnfinished({ place, prefix, olderThan, signal });
    },
  };
}

const once: Again = (_signal, work) => work();

async function put(write: ObjectWrite, given: Readable | Uint8Array): Promise<StoredObject> {
  const body = asBody(given);
  // Before the first wait: a body may fail while nobody listens to it yet, and that must not end the process.
  if (body instanceof Readable) body.on('error', () => undefined);
  try {
    write.signal.throwIfAborted();
    blobName(write.place, write.key);
    return await (body instanceof Readable ? writeBody(write, body) : writeBytes(write, body));
  } catch (error) {
    write.signal.throwIfAborted();
    throw error;
  } finally {
    if (body instanceof Readable) body.destroy();
  }
}

/** Bytes of more than a block are sent in blocks as a stream is. */
function asBody(body: Readable | Uint8Array): Readable | Uint8Array {
  if (body instanceof Readable || body.byteLength <= blockBytes) return body;
  return Readable.from([body], { objectMode: false });
}

async function* list(place: AzurePlace, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
  signal.throwIfAborted();
  assertPrefix(prefix);
  let previous = '';
  for await (const item of listPages({ place, prefix, signal, uncommitted: false })) {
    const key = item.name.slice(place.root.length);
    if (!isKey(key) || isRemoved(item.properties.contentType)) continue;
    if (key <= previous) throw outOfOrder(place, key);
    previous = key;
    yield storedObject({ place, key }, item.properties);
  }
}

/** Whoever reads a listing relies on its order, so that a wrong one must not pass for a right one. */
function outOfOrder(place: AzurePlace, key: string): BackupDataError {
  return new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `${placeName(place)} lists the object ${key} out of order, as accounts with a hierarchical namespace do`,
    { hint: 'Use a storage account without a hierarchical namespace.' },
  );
}

async function remove(place: AzurePlace, keys: readonly string[], signal: AbortSignal): Promise<void> {
  const names = keys.map((key) => ({ key, name: blobName(place, key) }));
  signal.throwIfAborted();
  for (let at = 0; at < names.length; at += removedAtOnce) {
    const some = names.slice(at, at + removedAtOnce);
    const outcomes = await Promise.allSettled(some.map((each) => removeBlob({ place, signal, ...each })));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

async function removeBlob(options: {
  place: AzurePlace;
  key: string;
  name: string;
  signal: AbortSignal;
}): Promise<void> {
  const { place, key, name, signal } = options;
  const blob = place.container.getBlobClient(name);
  try {
    await send({ place, key, signal }, (request) =>
      blob.delete({ abortSignal: request.signal, deleteSnapshots: 'include' }),
    );
  } catch (error) {
    if (!hasCode(error, 'OBJECT_NOT_FOUND')) throw error;
  }
}
