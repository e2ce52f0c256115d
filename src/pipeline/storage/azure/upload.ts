import type { Readable } from 'node:stream';
import { type BodyPart, createPartReader } from '../parts.ts';
import type { StoredObject } from '../storage.ts';
import { blockId, readBlockId } from './block-id.ts';
import { blobOf } from './place.ts';
import { bodyOf, send } from './request.ts';
import { discardBlocks } from './unfinished.ts';
import { confirm, decide, decidingOptions, type ObjectWrite, refuseTaken, writeBytes } from './write.ts';

/** Every block but the last of an object. A volume of 64 GiB has 8,192 of them; Azure takes 50,000. */
export const blockBytes = 8 * 1024 * 1024;
/** Blocks on their way at a time; with the one that is being filled, that is all the memory that a put takes. */
const inFlightMax = 4;
/** Milliseconds to clear up after a failure; what is left then is for sweep. */
const clearTime = 5_000;

/**
 * Stores all of the body, or leaves nothing and stops reading it. Its first failure is the one that is thrown: the
 * body's own as it is.
 */
export async function writeBody(write: ObjectWrite, body: Readable): Promise<StoredObject> {
  const stop = new AbortController();
  const abort = () => stop.abort(write.signal.reason);
  write.signal.addEventListener('abort', abort, { once: true });
  try {
    const parts = createPartReader({ body, partSize: blockBytes, signal: stop.signal });
    const first = await parts.next();
    if (first.last) return await writeBytes(write, first.bytes);
    if (write.ifAbsent) await refuseTaken(write);
    return await writeBlocks({ write, stop, first, next: parts.next });
  } finally {
    write.signal.removeEventListener('abort', abort);
  }
}

async function writeBlocks(options: {
  write: ObjectWrite;
  stop: AbortController;
  first: BodyPart;
  next: () => Promise<BodyPart>;
}): Promise<StoredObject> {
  const { write, stop, first, next } = options;
  const blocks = createBlocks(write, stop);
  try {
    let part = first;
    for (; !part.last; part = await next()) await blocks.stage(part);
    await blocks.stage(part);
    await blocks.settled();
    stop.signal.throwIfAborted();
    return await commitBlocks(write, blocks);
  } catch (error) {
    if (!stop.signal.aborted) stop.abort(error);
    await blocks.settled();
    await clearUp(write);
    throw stop.signal.reason;
  }
}

type Blocks = ReturnType<typeof createBlocks>;

/** The blocks of one put on their way. The first that fails stops the others and the reading of the body. */
function createBlocks(write: ObjectWrite, stop: AbortController) {
  const ids: string[] = [];
  const inFlight = new Set<Promise<void>>();
  let bytes = 0;
  const start = (part: BodyPart) => {
    const id = blockId({ at: write.clock(), random: write.random, index: ids.length });
    ids.push(id);
    bytes += part.bytes.byteLength;
    const sending = stageBlock({ ...write, signal: stop.signal }, id, part.bytes)
      .then(part.release, (error: unknown) => stop.abort(error))
      .finally(() => inFlight.delete(sending));
    inFlight.add(sending);
  };
  return {
    ids,
    bytes: () => bytes,
    /** Begins to send the block as soon as fewer than the most are on their way. */
    stage: async (part: BodyPart) => {
      if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
      stop.signal.throwIfAborted();
      start(part);
    },
    /** Once none is on its way any more, whatever became of them. */
    settled: async () => void (await Promise.all(inFlight)),
  };
}

async function stageBlock(write: ObjectWrite, id: string, bytes: Uint8Array): Promise<void> {
  const blob = blobOf(write.place, write.key);
  await write.place.again(write.signal, () =>
    send(write, (request) =>
      blob.stageBlock(id, bodyOf(bytes, request), bytes.byteLength, { abortSignal: request.signal }),
    ),
  );
}

async function commitBlocks(write: ObjectWrite, { ids, bytes }: Blocks): Promise<StoredObject> {
  const blob = blobOf(write.place, write.key);
  const etag = await decide(write, async (request) => {
    request.sent();
    const options = { ...decidingOptions(write), abortSignal: request.signal };
    return (await blob.commitBlockList(ids, options)).etag;
  });
  return await confirm(write, etag, bytes());
}

/** The failure that brought us here is the one to report; blocks that cannot be removed now are for sweep. */
async function clearUp({ place, key, random }: ObjectWrite): Promise<void> {
  const mayGo = (ids: readonly string[]) => ids.every((id) => readBlockId(id)?.random === random);
  const signal = AbortSignal.timeout(clearTime);
  await discardBlocks({ place, key, mayGo, signal }).catch(() => undefined);
}
