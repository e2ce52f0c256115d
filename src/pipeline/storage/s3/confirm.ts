import { BackupDataError } from '../../../shared/errors.ts';
import { longPatience } from '../retry.ts';
import type { StoredObject } from '../storage.ts';
import { describe, s3Failure } from './failure.ts';
import type { S3Place } from './place.ts';
import { stat } from './stat.ts';

/**
 * What the store holds under the key, which must be as many bytes as were sent. Other bytes are those of a rival where
 * rivals may both have looked and found the key free: OBJECT_EXISTS.
 */
export async function confirm(
  place: S3Place,
  sent: { key: string; bytes: number; rivals: boolean; signal: AbortSignal },
): Promise<StoredObject> {
  const stored = await stat(place, sent.key, sent.signal, longPatience);
  if (stored.bytes === sent.bytes) return stored;
  if (sent.rivals) throw s3Failure(place, { name: 'PreconditionFailed' }, sent.key);
  throw new BackupDataError(
    'STORAGE_UNAVAILABLE',
    `the storage ${place.storage} (${describe(place)}) holds ${stored.bytes} of the ${sent.bytes} bytes sent as ${sent.key}`,
    { hint: 'Check its server; what it holds under that key is not to be trusted.' },
  );
}
