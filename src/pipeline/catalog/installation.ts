import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { installationKey } from './keys.ts';

const format = 1;
const schema = z.object({ format: z.int(), installation: z.string() });

/**
 * Marks a storage as this installation's, or finds that it is. STORAGE_FOREIGN when another installation writes
 * here, FORMAT_UNSUPPORTED when a newer release made it: two would retire each other's backups.
 */
export async function claimStorage(options: {
  storage: Storage;
  installation: string;
  signal: AbortSignal;
}): Promise<void> {
  const { storage, installation, signal } = options;
  const found = (await readClaim(options)) ?? (await writeClaim(options)) ?? (await readClaim(options));
  if (found?.installation === installation && found.format <= format) return;
  if (found && found.format > format) {
    throw new BackupDataError(
      'FORMAT_UNSUPPORTED',
      `storage ${storage.name} has format ${found.format}; this release knows up to ${format}`,
      {
        hint: 'Use a newer release of backupdata.',
      },
    );
  }
  signal.throwIfAborted();
  throw new BackupDataError(
    'STORAGE_FOREIGN',
    `storage ${storage.name} belongs to installation "${found?.installation ?? '?'}", this is "${installation}"`,
    {
      hint: 'Give this installation a storage of its own, or set BACKUPDATA_INSTALLATION to the name that is there.',
    },
  );
}

async function readClaim({ storage, signal }: { storage: Storage; signal: AbortSignal }) {
  try {
    return schema.parse(await json(await storage.get(installationKey, { signal })));
  } catch (error) {
    if (hasCode(error, 'OBJECT_NOT_FOUND')) return undefined;
    if (error instanceof BackupDataError || signal.aborted) throw error;
    throw new BackupDataError(
      'MANIFEST_INVALID',
      `${installationKey} in storage ${storage.name} cannot be read`,
      { cause: error },
    );
  }
}

async function writeClaim(options: { storage: Storage; installation: string; signal: AbortSignal }) {
  const { storage, installation, signal } = options;
  const claim = { format, installation };
  try {
    await storage.put(installationKey, Buffer.from(`${JSON.stringify(claim)}\n`), {
      signal,
      ifAbsent: true,
    });
    return claim;
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return undefined;
    throw error;
  }
}
