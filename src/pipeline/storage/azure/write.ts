import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import type { StoredObject } from '../storage.ts';
import { exists, placeName } from './failure.ts';
import { type AzurePlace, blobOf } from './place.ts';
import { bodyOf, type Request, send } from './request.ts';
import { describeBlob } from './stat.ts';
import { isRemoved, removeExactly } from './unfinished.ts';

export interface ObjectWrite {
  place: AzurePlace;
  key: string;
  ifAbsent: boolean;
  signal: AbortSignal;
  /** Tells what this put sent from what others did. */
  random: string;
  clock: () => Date;
}

/** Stores the bytes in one request. OBJECT_EXISTS with `ifAbsent` when the key is taken. */
export async function writeBytes(write: ObjectWrite, bytes: Uint8Array): Promise<StoredObject> {
  const blob = blobOf(write.place, write.key);
  const etag = await decide(write, async (request) => {
    const options = { ...decidingOptions(write), abortSignal: request.signal };
    return (await blob.upload(bodyOf(bytes, request), bytes.byteLength, options)).etag;
  });
  return await confirm(write, etag, bytes.byteLength);
}

/** Sends the request that makes the object; again when only blocks that are being removed were in its way. Its etag. */
export async function decide(
  write: ObjectWrite,
  request: (request: Request) => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await write.place.again(write.signal, () => send(write, request));
  } catch (error) {
    if (!write.ifAbsent || !hasCode(error, 'OBJECT_EXISTS')) throw error;
    const found = await findBlob(write);
    // The answer to the request was lost, and the network or a retry sent it twice.
    if (found?.metadata?.[putName] === write.random) return found.etag;
    if (found && !isRemoved(found.contentType)) throw error;
    if (found) await removeExactly({ ...write, etag: found.etag });
    return await send(write, request);
  }
}

/** The metadata of an object that names the put that stored it. */
const putName = 'backupdataput';

export function decidingOptions({ place, ifAbsent, random }: ObjectWrite) {
  return {
    tier: place.accessTier,
    metadata: { [putName]: random },
    conditions: ifAbsent ? { ifNoneMatch: '*' } : {},
  };
}

/** OBJECT_EXISTS when the key is taken already: sooner than the store would say so of a body of many blocks. */
export async function refuseTaken(write: ObjectWrite): Promise<void> {
  const found = await findBlob(write);
  if (found && !isRemoved(found.contentType)) throw exists(write.key);
}

/** What the store holds now. The object is there, so an abort comes too late; a wrong one is removed again. */
export async function confirm(
  write: ObjectWrite,
  etag: string | undefined,
  bytes: number,
): Promise<StoredObject> {
  const { place, key } = write;
  const { signal } = new AbortController();
  const stored = await place.again(signal, () => describeBlob({ place, key, signal }));
  if (stored.bytes === bytes) return stored;
  await removeExactly({ place, key, etag, signal });
  throw new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `${placeName(place)} holds ${stored.bytes} of the ${bytes} bytes of the object ${key}`,
    { hint: 'Run the backup again; if it stays so, report it to who runs the storage.' },
  );
}

async function findBlob(write: ObjectWrite) {
  const blob = blobOf(write.place, write.key);
  try {
    return await send(write, (request) => blob.getProperties({ abortSignal: request.signal }));
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) return undefined;
    throw error;
  }
}
