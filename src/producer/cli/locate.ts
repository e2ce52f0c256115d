import { findManifest, listEntries, newestFirst, readManifest } from '../../pipeline/catalog/catalog.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import type { Config } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { databaseOf, isBackupId, isDatabaseName } from '../../shared/ids.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { notLocated } from './not-located.ts';

export interface LocateOptions {
  resources: Pick<Resources, 'storage' | 'storageNames'>;
  config: Pick<Config, 'databases'>;
  /** A backup id, or a database's name for its latest. */
  backup: string;
  /** Look only there. */
  storage?: string | undefined;
  signal: AbortSignal;
}

export interface LocatedBackup {
  storage: Storage;
  manifest: Manifest;
}

/**
 * Finds what an operator calls BACKUP: in the storage that its database is configured for, then in the others.
 * BACKUP_NOT_FOUND names what was searched and what comes near. A storage that cannot be read, or a manifest that
 * cannot be trusted, is thrown only when no other storage has the backup; for a database's latest at once, because
 * what is then found elsewhere may be older than what is asked for.
 */
export async function locateBackup(options: LocateOptions): Promise<LocatedBackup> {
  const { resources, backup, storage, signal } = options;
  const names = storage === undefined ? searchOrder(options) : [storage];
  const storages = await Promise.all(names.map((name) => resources.storage(name)));
  const found = isBackupId(backup)
    ? await locateId(storages, backup, signal)
    : await locateLatest(storages, backup, signal);
  if (found) return found;
  throw await notLocated({ backup, databases: [...options.config.databases.keys()], storages, signal });
}

function searchOrder({ resources, config, backup }: LocateOptions): string[] {
  const home = config.databases.get(isBackupId(backup) ? databaseOf(backup) : backup)?.storage;
  return [...new Set([...(home === undefined ? [] : [home]), ...resources.storageNames])];
}

async function locateId(
  storages: readonly Storage[],
  backupId: string,
  signal: AbortSignal,
): Promise<LocatedBackup | undefined> {
  const failures: BackupDataError[] = [];
  for (const storage of storages) {
    try {
      const manifest = await findManifest({ storage, backupId, signal });
      if (manifest) return { storage, manifest };
    } catch (error) {
      if (!(error instanceof BackupDataError)) throw error;
      failures.push(error);
    }
  }
  if (failures[0]) throw failures[0];
  return undefined;
}

/** The latest in the first storage that has any: a database whose storage was changed goes on in its new one. */
async function locateLatest(
  storages: readonly Storage[],
  database: string,
  signal: AbortSignal,
): Promise<LocatedBackup | undefined> {
  if (!isDatabaseName(database)) return undefined;
  const [home, ...others] = storages;
  const [latest] = (home && (await entriesOf([home], database, signal))) ?? [];
  const chosen = latest ?? (await entriesOf(others, database, signal))[0];
  return chosen && { storage: chosen.storage, manifest: await readManifest({ ...chosen, signal }) };
}

async function entriesOf(storages: readonly Storage[], database: string, signal: AbortSignal) {
  const lists = storages.map(async (storage) => {
    const entries = await listEntries({ storage, database, signal });
    return entries.map(({ backupId }) => ({ backupId, storage }));
  });
  return (await Promise.all(lists)).flat().sort(newestFirst);
}
