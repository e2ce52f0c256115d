import { resolve } from 'node:path';
import type { Problem } from './problems.ts';
import type { ConfigFile } from './schema.ts';
import type { StorageConfig } from './storage-schema.ts';

/**
 * No place has two names: a backup would be taken for a copy of itself, and be retired as one. Relative paths start in
 * `folder`.
 */
export function checkStoragePlaces({ storages }: ConfigFile, folder: string): Problem[] {
  const firstAt = new Map<string, string>();
  return Object.entries(storages).flatMap(([name, storage]) => {
    const place = JSON.stringify(placeOf(storage, folder));
    const first = firstAt.get(place);
    if (first === undefined) {
      firstAt.set(place, name);
      return [];
    }
    return [
      {
        path: ['storages', name],
        message: `is the same place as the storage ${first}; a place has one name`,
      },
    ];
  });
}

function placeOf(storage: StorageConfig, folder: string): (string | undefined)[] {
  switch (storage.type) {
    case 'local':
      return ['local', resolve(folder, storage.path)];
    case 's3':
    case 'gcs':
      // Google's speaks the same protocol, and may be reached as either.
      return ['s3', normalised(storage.endpoint), storage.bucket, storage.prefix];
    case 'azure':
      return ['azure', azureEndpoint(storage), storage.container, storage.prefix];
  }
}

/** Of a connection string without an endpoint, the account stands for it. */
function azureEndpoint({
  endpoint,
  account,
  connectionString,
}: Extract<StorageConfig, { type: 'azure' }>): string | undefined {
  const settings = connectionString?.reveal() ?? '';
  const setting = (name: string) => new RegExp(`(?:^|;)\\s*${name}\\s*=\\s*([^;]*)`, 'i').exec(settings)?.[1];
  const owner = account ?? setting('AccountName') ?? '';
  return normalised(endpoint ?? setting('BlobEndpoint') ?? `https://${owner}.blob.core.windows.net`);
}

function normalised(endpoint: string | undefined): string | undefined {
  return endpoint !== undefined && URL.canParse(endpoint)
    ? new URL(endpoint).href.replace(/\/+$/, '')
    : endpoint;
}
