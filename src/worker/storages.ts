import type { Resources } from '../pipeline/resources.ts';
import type { Storage } from '../pipeline/storage/storage.ts';

/** The storages of those names that this worker's configuration has, in their order. STORAGE_UNKNOWN when it has none. */
export function knownStorages(
  resources: Pick<Resources, 'storage' | 'storageNames'>,
  names: readonly string[],
): Promise<Storage[]> {
  const known = names.filter((name) => resources.storageNames.includes(name));
  return Promise.all((known.length > 0 ? known : names).map((name) => resources.storage(name)));
}
