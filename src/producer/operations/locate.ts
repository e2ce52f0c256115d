import { listEntries, newestFirst } from '../../pipeline/catalog/catalog.ts';
import { findBackup, type Unread } from '../../pipeline/catalog/find.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import type { Config } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError, joinErrors } from '../../shared/errors.ts';
import { databaseOf, isBackupId, isDatabaseName } from '../../shared/ids.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { notLocated } from './not-located.ts';

export interface LocateOptions {
  resources: Pick<Resources, 'storage' | 'storageNames'>;
  config: Pick<Config, 'databases' | 'servers'>;
  /** A backup id, or a database's name for its latest. */
  backup: string;
  /** Look only there. */
  storage?: string | undefined;
  /** For a database's latest: whether the latest of the storages that can be read will do. Otherwise all must be read. */
  orOlder?: boolean;
  signal: AbortSignal;
}

export interface LocatedBackup {
  storage: Storage;
  manifest: Manifest;
  /** The others that were looked through or may be, in their order: its bytes may be in them, too. */
  others: readonly Storage[];
  /** Storages that should have told of it and could not, and why; `unreadWarnings` says it to people. */
  unread: readonly Unread[];
  /** Whether a storage could not be read that may hold a later one than this. */
  mayBeOlder: boolean;
}

/**
 * Finds what an operator calls BACKUP: in the storage that its database is configured for, then in its copies, then in
 * the others. BACKUP_NOT_FOUND names what was searched and what comes near. A storage that cannot be read, or a manifest
 * that cannot be trusted, is thrown only when no other storage has the backup. For a database's latest a storage that
 * cannot be read is thrown at once, unless `orOlder`: what is then found elsewhere may be older than what is asked for.
 */
export async function locateBackup(options: LocateOptions): Promise<LocatedBackup> {
  const { resources, backup, storage, signal } = options;
  const names = storage === undefined ? searchOrder(options) : [storage];
  const storages = await Promise.all(names.map((name) => resources.storage(name)));
  const found = isBackupId(backup)
    ? await locateId(storages, backup, signal)
    : await locateLatest(storages, options);
  if (found) return { ...found, others: storages.filter((each) => each !== found.storage) };
  throw await notLocated({ backup, config: options.config, storages, signal });
}

type Found = Omit<LocatedBackup, 'others'>;

function searchOrder({ resources, config, backup }: LocateOptions): string[] {
  const database = findDatabase(config, isBackupId(backup) ? databaseOf(backup) : backup);
  const own = database ? [database.storage, ...database.copies.map(({ storage }) => storage)] : [];
  return [...new Set([...own, ...resources.storageNames])];
}

async function locateId(
  storages: readonly Storage[],
  backupId: string,
  signal: AbortSignal,
): Promise<Found | undefined> {
  const found = await findBackup({ storages, backupId, signal });
  return found && { ...found, mayBeOlder: false };
}

/** The latest in the first storage that has any: a database whose storage was changed goes on in its new one. */
async function locateLatest(
  storages: readonly Storage[],
  { backup: database, orOlder = false, signal }: LocateOptions,
): Promise<Found | undefined> {
  if (!isDatabaseName(database)) return undefined;
  const unread: Unread[] = [];
  const latestOf = async (some: readonly Storage[]): Promise<string | undefined> => {
    const lists = await Promise.all(some.map((storage) => idsOf(storage, database, signal)));
    const failures = lists.flatMap((each) => ('error' in each ? each : []));
    if (failures[0] && !orOlder) throw failures[0].error;
    unread.push(...failures);
    return lists.flatMap((each) => ('ids' in each ? each.ids : [])).sort(newestFirst)[0]?.backupId;
  };
  const backupId = (await latestOf(storages.slice(0, 1))) ?? (await latestOf(storages.slice(1)));
  const [first, ...others] = unread.map(({ error }) => error);
  if (backupId === undefined) {
    if (first) throw joinErrors([first, ...others]);
    return undefined;
  }
  const readable = storages.filter(({ name }) => !unread.some(({ storage }) => storage === name));
  const found = await findBackup({ storages: readable, backupId, signal });
  return found && { ...found, unread: [...unread, ...found.unread], mayBeOlder: unread.length > 0 };
}

async function idsOf(
  storage: Storage,
  database: string,
  signal: AbortSignal,
): Promise<{ ids: { backupId: string }[] } | Unread> {
  try {
    return { ids: await listEntries({ storage, database, signal }) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupDataError)) throw error;
    return { storage: storage.name, error };
  }
}
