import { type ListedBackup, listBackups, newestFirst } from '../../pipeline/catalog/catalog.ts';
import type { ManifestCache } from '../../pipeline/catalog/manifest-cache.ts';
import type { Resources } from '../../pipeline/resources.ts';
import { BackupDataError } from '../../shared/errors.ts';

/** A committed backup and the storage that holds it; a copy is an entry of its own. */
export type StoredBackup = ListedBackup & { storage: string };

export interface Survey {
  /** Newest first. */
  backups: readonly StoredBackup[];
  /** What could not be read, in the order of the configuration. */
  failures: readonly { storage: string; error: BackupDataError }[];
}

/** Every backup in the given storages. One that cannot be read does not hide what the others hold. */
export async function surveyStorages(options: {
  resources: Pick<Resources, 'storage'>;
  storages: readonly string[];
  /** Only what is of this database, or of the databases of this server. */
  database?: string | undefined;
  server?: string | undefined;
  cache?: ManifestCache | undefined;
  signal: AbortSignal;
}): Promise<Survey> {
  const { resources, storages, database, server, cache, signal } = options;
  const surveys = await Promise.all(
    storages.map(async (name): Promise<Survey> => {
      try {
        const storage = await resources.storage(name);
        const backups = await listBackups({ storage, database, server, cache, signal });
        return { backups: backups.map((backup) => ({ ...backup, storage: name })), failures: [] };
      } catch (error) {
        if (!(error instanceof BackupDataError) || error.code === 'STORAGE_UNKNOWN') throw error;
        return { backups: [], failures: [{ storage: name, error }] };
      }
    }),
  );
  return {
    backups: surveys.flatMap((each) => each.backups).sort(newestFirst),
    failures: surveys.flatMap((each) => each.failures),
  };
}
