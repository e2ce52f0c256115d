import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { hasCode } from '../../../shared/errors.ts';
import { assertKey } from '../key.ts';
import { nameOf, request, type S3Place } from './place.ts';

const atOnce = 16;

/** One request for each key: every store knows it, and each key fails or succeeds by itself. */
export async function remove(place: S3Place, keys: readonly string[], signal: AbortSignal): Promise<void> {
  keys.forEach(assertKey);
  for (let start = 0; start < keys.length; start += atOnce) {
    signal.throwIfAborted();
    await Promise.all(keys.slice(start, start + atOnce).map((key) => removeOne(place, key, signal)));
  }
}

/** Most stores say nothing of a key that is absent; some say that it is. */
async function removeOne(place: S3Place, key: string, signal: AbortSignal): Promise<void> {
  try {
    await request(place, { key, signal }, (options) =>
      place.client.send(new DeleteObjectCommand(nameOf(place, key)), options),
    );
  } catch (error) {
    if (!hasCode(error, 'OBJECT_NOT_FOUND')) throw error;
  }
}
