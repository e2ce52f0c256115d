import type { Problem } from './problems.ts';
import type { ConfigFile } from './schema.ts';

const gibibyte = 2 ** 30;

/** In GiB. Parts are of 8 MiB: an object of S3 has at most 10,000 of them (78.125 GiB), a blob of Azure 50,000 (390.6 GiB). */
const largestVolume: Readonly<Record<string, number>> = { s3: 78, gcs: 78, azure: 390 };

/** A volume that a storage cannot take would show only when a dump has run for hours. Copies hold the same volumes. */
export function checkVolumeSizes({ databases, defaults, storages }: ConfigFile): Problem[] {
  const [onlyStorage = ''] = Object.keys(storages);
  return Object.entries(databases).flatMap(([name, database]) => {
    const size = database.volumeSize ?? defaults.volumeSize ?? 0;
    const copies = (database.copies ?? defaults.copies ?? []).map((copy) =>
      typeof copy === 'string' ? copy : copy.storage,
    );
    const used = [database.storage ?? defaults.storage ?? onlyStorage, ...copies];
    const owner = database.volumeSize === undefined ? ['defaults'] : ['databases', name];
    return used.flatMap((each) => {
      const limit = largestVolume[storages[each]?.type ?? ''];
      if (limit === undefined || size <= limit * gibibyte) return [];
      return [
        { path: [...owner, 'volumeSize'], message: `must be at most ${limit}GiB for the storage ${each}` },
      ];
    });
  });
}
