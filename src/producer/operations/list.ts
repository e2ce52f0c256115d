import {
  type CatalogEntry,
  type ListedBackup,
  listEntries,
  newestFirst,
  readBackups,
} from '../../pipeline/catalog/catalog.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import { BackupDataError, toErrorDocument } from '../../shared/errors.ts';
import { isBackupId, isDatabaseName } from '../../shared/ids.ts';
import { badgeOf } from '../../shared/verification.ts';
import type { OperationsContext } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import type { BackupDocument } from './documents.ts';
import { badCursor, pageOf, type SortKey } from './page.ts';

/** An entry of a storage's catalog; a copy is an entry of its own. */
interface Found {
  entry: CatalogEntry;
  storage: Storage;
}

/**
 * The backups that the storages hold, newest first. A storage that cannot be read does not hide what the others hold, unless
 * they hold nothing. Only the manifests of the page are read.
 */
export async function listBackups(
  context: OperationsContext,
  request: RequestOf<'listBackups'>,
  { signal, sees }: Call,
): Promise<ResponseOf<'listBackups'>> {
  const { config, resources } = context.current();
  const { database, storage, limit, after } = request;
  // No folder of a storage has another kind of name; asking for one is asking for an unknown database.
  if (database !== undefined && !isDatabaseName(database)) resources.database(database);
  const isServer = database !== undefined && config.servers.has(database);
  const names = storage === undefined ? resources.storageNames : [storage];
  const whose = isServer ? { database: undefined, server: database } : { database };
  const looks = await Promise.all(names.map((name) => lookInto(context, { name, whose, signal })));
  const failures = looks.flatMap((each) => ('error' in each ? each.error : []));
  const all = looks.flatMap((each) => ('found' in each ? each.found : []));
  if (all.length === 0 && failures[0]) throw failures[0];
  if (all.length === 0 && database !== undefined && !isServer) resources.database(database);
  const items = all.filter(({ entry }) => sees(entry.database));
  const { page, next } = pageOf({ items, keyOf, order: byAge, limit, after });
  const backups = await describe(context, page, signal);
  return { backups, failures: failures.map(toErrorDocument), next };
}

async function lookInto(
  { current }: OperationsContext,
  {
    name,
    whose,
    signal,
  }: { name: string; whose: { database: string | undefined; server?: string }; signal: AbortSignal },
): Promise<{ found: Found[] } | { error: BackupDataError }> {
  try {
    const storage = await current().resources.storage(name);
    const entries = await listEntries({ storage, ...whose, signal });
    return { found: entries.map((entry) => ({ entry, storage })) };
  } catch (error) {
    if (!(error instanceof BackupDataError) || error.code === 'STORAGE_UNKNOWN') throw error;
    return { error };
  }
}

function keyOf({ entry, storage }: Found): SortKey {
  return [entry.backupId, storage.name];
}

/** Newest first, a backup's copies by the names of their storages. */
function byAge([a = '', storage = '']: SortKey, [b = '', other = '']: SortKey): number {
  if (!isBackupId(a) || !isBackupId(b)) throw badCursor();
  const order = newestFirst({ backupId: a }, { backupId: b });
  if (order !== 0 || storage === other) return order;
  return storage < other ? -1 : 1;
}

/** In the order of the page. One that was retired meanwhile is left out. */
async function describe(
  { cache }: OperationsContext,
  page: readonly Found[],
  signal: AbortSignal,
): Promise<BackupDocument[]> {
  const byStorage = Map.groupBy(page, ({ storage }) => storage);
  const lists = await Promise.all(
    [...byStorage].map(async ([storage, found]) => {
      const entries = found.map(({ entry }) => entry);
      const backups = await readBackups({ storage, entries, cache, signal });
      return backups.map((backup) => [`${backup.backupId} ${storage.name}`, backup] as const);
    }),
  );
  const read = new Map(lists.flat());
  return page.flatMap(({ entry, storage }) => {
    const backup = read.get(`${entry.backupId} ${storage.name}`);
    return backup ? documentOf(backup, storage.name) : [];
  });
}

function documentOf(backup: ListedBackup, storage: string): BackupDocument {
  const { backupId, database, manifest, verifications, pinned, problem } = backup;
  return {
    backupId,
    database,
    engine: manifest?.engine.name ?? null,
    startedAt: manifest?.startedAt ?? null,
    finishedAt: manifest?.finishedAt ?? null,
    bytes: manifest?.bytes ?? null,
    storage,
    verification: badgeOf(verifications),
    pinned,
    problem: problem && toErrorDocument(problem),
  };
}
