import { buffer } from 'node:stream/consumers';
import { ownerOf } from '../../pipeline/catalog/installation.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import { type Finding, ok } from './finding.ts';

interface Subject {
  storage: Storage;
  installation: string;
  /** Whether it may be another installation's. */
  shared: boolean;
  randomText: () => string;
  signal: AbortSignal;
}

/** No database's name begins with an underscore, so this is nobody's folder. */
const probeFolder = '_check/';

/** Sees that the storage is not another installation's, writes, reads back and removes a probe, and tries the fence. */
export async function checkStorage(subject: Subject): Promise<readonly Finding[]> {
  const { storage, randomText, signal } = subject;
  const key = `${probeFolder}${randomText()}`;
  // First, because it only reads: a storage that cannot be reached shows at once. The first backup claims it, a check does not.
  const owner = await ownerOf(subject);
  try {
    await probe(storage, key, signal);
  } finally {
    await storage.remove([key], signal);
  }
  const whose = owner === 'another installation' ? '; of another installation, which alone retires here' : '';
  return [ok(`storage ${storage.name}`, `writes, reads and removes; fence: ${storage.fence}${whose}`)];
}

async function probe(storage: Storage, key: string, signal: AbortSignal): Promise<void> {
  const written = Buffer.from(key);
  await storage.put(key, written, { signal, ifAbsent: true });
  const read = await buffer(await storage.get(key, { signal }));
  if (!read.equals(written))
    throw new BackupDataError(
      'OBJECT_DAMAGED',
      `storage ${storage.name} gave back other bytes than were written`,
    );
  if (storage.fence === 'conditional') await tryFence(storage, key, signal);
}

async function tryFence(storage: Storage, key: string, signal: AbortSignal): Promise<void> {
  try {
    await storage.put(key, Buffer.from(key), { signal, ifAbsent: true });
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return;
    throw error;
  }
  throw new BackupDataError(
    'CONFIG_INVALID',
    `storage ${storage.name} replaced an object that it was told not to replace`,
    {
      hint: 'Two workers could commit the same backup: set `fence: best-effort` for it, or use a newer release of its server.',
    },
  );
}
