import type { Problem } from './problems.ts';
import type { ConfigFile } from './schema.ts';

/** An object of S3 has at most 10,000 parts, and ours have 8 MiB: 78.125 GiB. */
const largestVolume = 78 * 2 ** 30;

/** A volume that a storage cannot take would show only when a dump has run for hours. Copies hold the same volumes. */
export function checkVolumeSizes({ databases, defaults, storages }: ConfigFile): Problem[] {
  const [onlyStorage = ''] = Object.keys(storages);
  return Object.entries(databases).flatMap(([name, database]) => {
    const size = database.volumeSize ?? defaults.volumeSize ?? 0;
    if (size <= largestVolume) return [];
    const copies = (database.copies ?? defaults.copies ?? []).map((copy) =>
      typeof copy === 'string' ? copy : copy.storage,
    );
    const used = [database.storage ?? defaults.storage ?? onlyStorage, ...copies];
    const limited = used.find((each) => ['s3', 'gcs'].includes(storages[each]?.type ?? ''));
    if (limited === undefined) return [];
    const owner = database.volumeSize === undefined ? ['defaults'] : ['databases', name];
    return [{ path: [...owner, 'volumeSize'], message: `must be at most 78GiB for the storage ${limited}` }];
  });
}
