import { randomBytes } from 'node:crypto';
import type { StorageConfig } from '../../shared/config/storage-schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { Storage } from './storage.ts';

/**
 * The storage that a configuration entry describes. Touches nothing yet: a storage that cannot be reached shows at
 * its first use. Each kind is loaded only when it is used, because start-up time counts.
 */
export async function openStorage(options: {
  name: string;
  config: StorageConfig;
  randomText?: () => string;
}): Promise<Storage> {
  const { name, config, randomText = secureRandomText } = options;
  switch (config.type) {
    case 'local': {
      const { createLocalStorage } = await import('./local.ts');
      return createLocalStorage({ name, path: config.path, randomText });
    }
    default:
      throw new BackupDataError('CONFIG_INVALID', `storage ${name} is of a type that cannot be used yet`);
  }
}

function secureRandomText(): string {
  return randomBytes(6).toString('hex');
}
