import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type {
  AzureStorageConfig,
  GcsStorageConfig,
  S3StorageConfig,
  StorageConfig,
} from '../../shared/config/storage-schema.ts';
import type { Again } from './azure/place.ts';
import { longPatience, type Pace, retry } from './retry.ts';
import type { Storage } from './storage.ts';

export interface OpenOptions {
  name: string;
  config: StorageConfig;
  /** Milliseconds: to connect, and without a byte moving on a connection. */
  timeouts?: { connect: number; request: number };
  randomText?: () => string;
  /** How retries wait. */
  pace?: Pace;
}

const usualTimeouts = { connect: 10_000, request: 60_000 };
const usualPace: Pace = {
  wait: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
  random: Math.random,
  now: () => performance.now(),
};

/**
 * The storage that a configuration entry describes. Touches nothing yet: a storage that cannot be reached shows at
 * its first use. Each kind is loaded only when it is used, because start-up time counts. What is reached by a network
 * is tried again when it fails; a disk is not, because it fails for good.
 */
export async function openStorage(options: OpenOptions): Promise<Storage> {
  const { name, config, randomText = secureRandomText } = options;
  switch (config.type) {
    case 'local': {
      const { createLocalStorage } = await import('./local.ts');
      return createLocalStorage({ name, path: config.path, randomText });
    }
    case 's3':
    case 'gcs':
      return await openS3(options, config);
    case 'azure':
      return await openAzure(options, config);
  }
}

async function openS3(options: OpenOptions, given: S3StorageConfig | GcsStorageConfig): Promise<Storage> {
  const { name, timeouts = usualTimeouts, pace = usualPace } = options;
  const { createS3Storage, gcsAsS3 } = await import('./s3/s3.ts');
  const { retrying } = await import('./retrying.ts');
  const config = given.type === 'gcs' ? gcsAsS3(given) : given;
  return retrying(createS3Storage({ name, config, timeouts, pace }), pace);
}

async function openAzure(options: OpenOptions, config: AzureStorageConfig): Promise<Storage> {
  const { name, timeouts = usualTimeouts, pace = usualPace, randomText = secureRandomText } = options;
  const { createAzureStorage } = await import('./azure/azure.ts');
  const { retrying } = await import('./retrying.ts');
  const again: Again = (signal, work) => retry(work, { pace, patience: longPatience, signal });
  const requestTimeout = timeouts.request;
  return retrying(createAzureStorage({ name, config, randomText, requestTimeout, again }), pace);
}

function secureRandomText(): string {
  return randomBytes(6).toString('hex');
}
