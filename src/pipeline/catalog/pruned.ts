import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { hasCode } from '../../shared/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { manifestKey, prunedKey } from './keys.ts';

const schema = z.object({
  backupId: z.string(),
  /** RFC 3339. The grace begins here. */
  retiredAt: z.iso.datetime({ precision: 3 }),
  reasons: z.array(z.string()),
  /** The manifest's file, to the byte: whoever puts it back within the grace has the backup again. */
  manifest: z.string(),
});

/** What a `.pruned` mark holds. */
export type PrunedMark = z.output<typeof schema>;

interface Place {
  storage: Storage;
  backupId: string;
  signal: AbortSignal;
}

/** Marks a backup as retired. Over an older mark: its grace begins anew. */
export async function putPrunedMark({
  storage,
  mark,
  signal,
}: {
  storage: Storage;
  mark: PrunedMark;
  signal: AbortSignal;
}): Promise<void> {
  const body = Buffer.from(`${JSON.stringify(mark, null, 2)}\n`);
  await storage.put(prunedKey(mark.backupId), body, { signal });
}

/**
 * Takes the mark off a backup that is to be kept. When another prune removed the manifest meanwhile, the mark is put
 * back: without it the parts would be orphans, which have no grace.
 */
export async function clearPrunedMark({ storage, backupId, signal }: Place): Promise<void> {
  const key = prunedKey(backupId);
  const body = await read({ storage, backupId, signal });
  if (body === undefined) return;
  await storage.remove([key], signal);
  if (!(await isPresent(storage, manifestKey(backupId), signal))) await storage.put(key, body, { signal });
}

/** Lets the grace of a backup begin anew, if it was retired. A mark that cannot be read is put again as it is. */
export async function renewPrunedMark({ retiredAt, ...place }: Place & { retiredAt: Date }): Promise<void> {
  const { storage, backupId, signal } = place;
  const body = await read(place);
  if (body === undefined) return;
  const mark = parse(body);
  if (mark) await putPrunedMark({ storage, mark: { ...mark, retiredAt: retiredAt.toISOString() }, signal });
  else await storage.put(prunedKey(backupId), body, { signal });
}

/** When the grace of a retired backup began: by its mark, or by the storage's clock where that is later or the mark cannot be read. */
export async function graceSince(place: Place & { prunedAt: Date }): Promise<Date> {
  const body = await read(place);
  const mark = body === undefined ? undefined : parse(body);
  const told = mark === undefined ? undefined : new Date(mark.retiredAt);
  return told !== undefined && told > place.prunedAt ? told : place.prunedAt;
}

export async function isPresent(storage: Storage, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await storage.stat(key, signal);
    return true;
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) return false;
    throw error;
  }
}

async function read({ storage, backupId, signal }: Place): Promise<Buffer | undefined> {
  try {
    return await buffer(await storage.get(prunedKey(backupId), { signal }));
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) return undefined;
    throw error;
  }
}

function parse(body: Buffer): PrunedMark | undefined {
  try {
    return schema.parse(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined;
  }
}
