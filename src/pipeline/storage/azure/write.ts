import type { Readable } from 'node:stream';
import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import type { StoredObject } from '../storage.ts';
import { blockBytes, blockId, blocksOf, readBlockId } from './blocks.ts';
import { placeName } from './failure.ts';
import { type AzurePlace, blobName } from './place.ts';
import { bodyOf, type Request, send } from './request.ts';
import { describeBlob } from './stat.ts';
import { discardBlocks, isRemoved, removeExactly } from './unfinished.ts';

/** Blocks on their way at a time; with the one that is being filled, that is all the memory that a put takes. */
const inFlightMax = 4;
/** Milliseconds to clear up after a failure; what is left then is for sweep. */
const clearTime = 10_000;

export interface ObjectWrite {
  place: AzurePlace;
  key: string;
  ifAbsent: boolean;
  signal: AbortSignal;
  /** Tells the blocks of this put from all others. */
  random: string;
  clock: () => Date;
}

/** Stores the bytes in one request. OBJECT_EXISTS with `ifAbsent` when the key is taken. */
export async function writeBytes(write: ObjectWrite, bytes: Uint8Array): Promise<StoredObject> {
  const blob = blobOf(write);
  const etag = await decide(write, async (request) => {
    const options = { ...decidingOptions(write), abortSignal: request.signal };
    return (await blob.upload(bodyOf(bytes, request), bytes.byteLength, options)).etag;
  });
  return await confirm(write, etag, bytes.byteLength);
}

/**
 * Stores all of the body, or leaves nothing and stops the body. Its first failure is the one that is thrown: the body's
 * own as it is.
 */
export async function writeBody(write: ObjectWrite, body: Readable): Promise<StoredObject> {
  const upload = startUpload(write, body);
  try {
    const first = await upload.blocks.next();
    const block: Buffer = first.value ?? Buffer.alloc(0);
    if (block.byteLength < blockBytes) return await writeBytes(write, block);
    upload.stage(block);
    for await (const next of upload.blocks) {
      await upload.room();
      upload.stage(next);
    }
    await upload.settled();
    upload.stop.signal.throwIfAborted();
    return await commitBlocks(write, upload);
  } catch (error) {
    upload.fail(error);
    await upload.settled();
    if (upload.ids.length > 0) await clearUp(write);
    throw upload.stop.signal.reason;
  } finally {
    upload.end();
  }
}

type Upload = ReturnType<typeof startUpload>;

/** What happens beside the reading of the body: blocks on their way, and the first failure, which stops everything. */
function startUpload(write: ObjectWrite, body: Readable) {
  const stop = new AbortController();
  const fail = (error: unknown) => {
    if (!stop.signal.aborted) stop.abort(error);
    body.destroy();
  };
  const abort = () => fail(write.signal.reason);
  write.signal.addEventListener('abort', abort, { once: true });
  const spare: Buffer[] = [];
  const ids: string[] = [];
  const inFlight = new Set<Promise<void>>();
  let bytes = 0;
  const stage = (block: Buffer) => {
    const id = blockId({ at: write.clock(), random: write.random, index: ids.length });
    ids.push(id);
    bytes += block.byteLength;
    const sending = stageBlock({ ...write, signal: stop.signal }, id, block)
      .then(() => void spare.push(block), fail)
      .finally(() => inFlight.delete(sending));
    inFlight.add(sending);
  };
  return {
    stop,
    fail,
    stage,
    ids,
    blocks: blocksOf(body, spare),
    bytes: () => bytes,
    room: async () => {
      if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
      stop.signal.throwIfAborted();
    },
    settled: async () => void (await Promise.all(inFlight)),
    end: () => write.signal.removeEventListener('abort', abort),
  };
}

async function stageBlock(write: ObjectWrite, id: string, block: Buffer): Promise<void> {
  const blob = blobOf(write);
  await send(write, (request) =>
    blob.stageBlock(id, bodyOf(block, request), block.byteLength, { abortSignal: request.signal }),
  );
}

async function commitBlocks(write: ObjectWrite, { ids, bytes }: Upload): Promise<StoredObject> {
  const blob = blobOf(write);
  const etag = await decide(write, async (request) => {
    request.sent();
    const options = { ...decidingOptions(write), abortSignal: request.signal };
    return (await blob.commitBlockList(ids, options)).etag;
  });
  return await confirm(write, etag, bytes());
}

/** Sends the request that makes the object; again when only blocks that are being removed were in its way. */
async function decide(
  write: ObjectWrite,
  request: (request: Request) => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await send(write, request);
  } catch (error) {
    if (!write.ifAbsent || !hasCode(error, 'OBJECT_EXISTS') || (await isTaken(write))) throw error;
    return await send(write, request);
  }
}

async function isTaken({ place, key, signal }: ObjectWrite): Promise<boolean> {
  const blob = place.container.getBlockBlobClient(blobName(place, key));
  try {
    const found = await send({ place, key, signal }, (request) =>
      blob.getProperties({ abortSignal: request.signal }),
    );
    return !isRemoved(found.contentType) || !(await removeExactly({ place, key, etag: found.etag, signal }));
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) return false;
    throw error;
  }
}

function decidingOptions({ place, ifAbsent }: ObjectWrite) {
  return { tier: place.accessTier, conditions: ifAbsent ? { ifNoneMatch: '*' } : {} };
}

/** What the store holds now. The object is there, so an abort comes too late; a wrong one is removed again. */
async function confirm(write: ObjectWrite, etag: string | undefined, bytes: number): Promise<StoredObject> {
  const { place, key } = write;
  const { signal } = new AbortController();
  const stored = await describeBlob({ place, key, signal });
  if (stored.bytes === bytes) return stored;
  await removeExactly({ place, key, etag, signal });
  throw new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `${placeName(place)} holds ${stored.bytes} of the ${bytes} bytes of the object ${key}`,
    { hint: 'Run the backup again; if it stays so, report it to who runs the storage.' },
  );
}

/** The failure that brought us here is the one to report; blocks that cannot be removed now are for sweep. */
async function clearUp({ place, key, random }: ObjectWrite): Promise<void> {
  const mayGo = (ids: readonly string[]) => ids.every((id) => readBlockId(id)?.random === random);
  const signal = AbortSignal.timeout(clearTime);
  await discardBlocks({ place, key, mayGo, signal }).catch(() => undefined);
}

function blobOf({ place, key }: ObjectWrite) {
  return place.container.getBlockBlobClient(blobName(place, key));
}
