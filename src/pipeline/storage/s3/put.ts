import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { hasCode } from '../../../shared/errors.ts';
import { assertKey, invalidKey } from '../key.ts';
import { createPartReader } from '../parts.ts';
import { longPatience } from '../retry.ts';
import type { StoredObject } from '../storage.ts';
import { confirm } from './confirm.ts';
import { s3Failure, s3NameOf } from './failure.ts';
import { partSize, uploadParts } from './multipart.ts';
import { nameOf, request, type S3Place } from './place.ts';
import { get } from './read.ts';
import { exists } from './stat.ts';

/** Of a whole name in a bucket, in bytes. */
const longestName = 1024;

export async function put(
  place: S3Place,
  key: string,
  body: Readable | Uint8Array,
  options: { signal: AbortSignal; ifAbsent?: boolean },
): Promise<StoredObject> {
  const { signal, ifAbsent = false } = options;
  // Before the first wait: a body may fail while nobody listens to it yet, and that must not end the process.
  if (body instanceof Readable) body.on('error', () => undefined);
  try {
    signal.throwIfAborted();
    assertName(place, key);
    const write = { key, ifAbsent, signal };
    return await (body instanceof Readable ? putStream(place, write, body) : putBytes(place, write, body));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    if (body instanceof Readable) body.destroy();
  }
}

interface Write {
  key: string;
  ifAbsent: boolean;
  signal: AbortSignal;
}

function assertName(place: S3Place, key: string): void {
  assertKey(key);
  if (nameOf(place, key).Key.length > longestName)
    throw invalidKey(key, `with the prefix ${place.prefix} it is longer than ${longestName} bytes`);
}

/** A body that ends within its first part is small enough to be sent at once, and again. */
async function putStream(place: S3Place, write: Write, body: Readable): Promise<StoredObject> {
  const stop = new AbortController();
  const signal = AbortSignal.any([write.signal, stop.signal]);
  const parts = createPartReader({ body, partSize, signal });
  const first = await parts.next();
  if (first.last) return await putBytes(place, write, first.bytes);
  const beforeCommit = async (): Promise<void> => {
    if (write.ifAbsent) await refuseTaken(place, write);
  };
  await beforeCommit();
  return await uploadParts(place, { ...write, first, parts, stop, signal, beforeCommit });
}

async function putBytes(place: S3Place, write: Write, bytes: Uint8Array): Promise<StoredObject> {
  if (write.ifAbsent) await putAbsent(place, write, bytes);
  else await send(place, write, { bytes, ifNoneMatch: undefined });
  const rivals = write.ifAbsent && place.fence === 'best-effort';
  return await confirm(place, { ...write, bytes: bytes.byteLength, rivals });
}

/** The store decides, unless it is known, or turns out, to refuse to: then looking first must do. */
async function putAbsent(place: S3Place, write: Write, bytes: Uint8Array): Promise<void> {
  if (place.fence === 'conditional' && (await putIfNoneMatch(place, write, bytes)) === 'stored') return;
  await refuseTaken(place, write);
  await send(place, write, { bytes, ifNoneMatch: undefined });
  place.fence = 'best-effort';
}

async function putIfNoneMatch(
  place: S3Place,
  write: Write,
  bytes: Uint8Array,
): Promise<'stored' | 'not decided'> {
  let tries = 0;
  const onTry = (): void => {
    tries += 1;
  };
  try {
    await send(place, write, { bytes, ifNoneMatch: '*', onTry });
    return 'stored';
  } catch (error) {
    if (refusesCondition(error)) return 'not decided';
    // The answer to an earlier try may have been lost after the store did what it was asked.
    const doubtful = tries > 1 && hasCode(error, 'OBJECT_EXISTS');
    if (doubtful && (await holds(place, write, bytes))) return 'stored';
    throw error;
  }
}

async function send(
  place: S3Place,
  { key, signal }: Write,
  sent: { bytes: Uint8Array; ifNoneMatch: '*' | undefined; onTry?: () => void },
): Promise<void> {
  const { bytes, ifNoneMatch, onTry } = sent;
  await request(place, { key, signal, patience: longPatience }, async (options) => {
    onTry?.();
    await place.client.send(
      new PutObjectCommand({
        ...nameOf(place, key),
        ...place.settings,
        Body: bytes,
        IfNoneMatch: ifNoneMatch,
      }),
      options,
    );
  });
}

/** Stores that do not know the header say so, or find the request wrong. */
function refusesCondition(error: unknown): boolean {
  return ['NotImplemented', 'InvalidArgument', 'InvalidRequest'].includes(s3NameOf(error) ?? '');
}

async function refuseTaken(place: S3Place, { key, signal }: Write): Promise<void> {
  if (await exists(place, key, signal)) throw s3Failure(place, { name: 'PreconditionFailed' }, key);
}

async function holds(place: S3Place, { key, signal }: Write, bytes: Uint8Array): Promise<boolean> {
  return (await buffer(await get(place, key, { signal }))).equals(bytes);
}
