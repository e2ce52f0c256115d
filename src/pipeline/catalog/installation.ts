import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { BackupDataError, hasCode } from '../../shared/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { installationKey } from './keys.ts';

const format = 1;
const schema = z.object({ format: z.int(), installation: z.string() });

/** A storage, and who asks. */
export interface Claim {
  storage: Storage;
  installation: string;
  /** Whether the configuration says that another installation's storage may be added to. */
  shared: boolean;
  signal: AbortSignal;
}

/**
 * Marks a storage as this installation's, or finds that it may be added to. STORAGE_FOREIGN when another installation
 * writes here and it is not shared, FORMAT_UNSUPPORTED when a newer release made it.
 */
export async function claimStorage(options: Claim): Promise<void> {
  const found = (await readClaim(options)) ?? (await writeClaim(options)) ?? (await readClaim(options));
  ownerIn(found, options);
}

/**
 * Whose storage it is: backups are retired and swept by their own installation alone, because two that retire each
 * other's would be worse than none. `nobody` where nothing was stored yet. Throws as `claimStorage`.
 */
export async function ownerOf(options: Claim): Promise<'us' | 'another installation' | 'nobody'> {
  const found = await readClaim(options);
  return found ? ownerIn(found, options) : 'nobody';
}

function ownerIn(
  found: z.output<typeof schema> | undefined,
  { storage, installation, shared, signal }: Claim,
): 'us' | 'another installation' {
  if (found && found.format > format) {
    throw new BackupDataError(
      'FORMAT_UNSUPPORTED',
      `storage ${storage.name} has format ${found.format}; this release knows up to ${format}`,
      {
        hint: 'Use a newer release of backupdata.',
      },
    );
  }
  if (found?.installation === installation) return 'us';
  signal.throwIfAborted();
  if (found && shared) return 'another installation';
  throw new BackupDataError(
    'STORAGE_FOREIGN',
    `storage ${storage.name} belongs to installation "${found?.installation ?? '?'}", this is "${installation}"`,
    {
      hint: 'Give this installation a storage of its own, set BACKUPDATA_INSTALLATION to the name that is there, or set `shared: true` to add to it.',
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
