import { hasCode } from '../shared/errors.ts';
import { type CatalogNames, findManifest, listNames } from './catalog/catalog.ts';
import {
  attemptFolder,
  databaseFolder,
  dataPrefix,
  installationKey,
  parseDataKey,
  prunedKey,
} from './catalog/keys.ts';
import { isPresent } from './catalog/pruned.ts';
import type { Storage } from './storage/storage.ts';
import { removeAll, sweepRetired } from './sweep-retired.ts';

/** Removes every object of one attempt that was not committed. */
export async function removeAttempt(request: {
  storage: Storage;
  database: { name: string };
  backupId: string;
  attemptId: string;
  context: { signal: AbortSignal };
}): Promise<void> {
  const { storage, database, context } = request;
  const prefix = databaseFolder(database.name) + attemptFolder(request);
  const keys: string[] = [];
  for await (const object of storage.list(prefix, context.signal)) keys.push(object.key);
  await storage.remove(keys, context.signal);
}

/**
 * Removes the orphans of one database: objects of attempts that no manifest names, last touched before `olderThan`,
 * unless their run is among `live`; unfinished uploads as old, of the storage's own mark too; and what
 * is left of backups that were retired before `retiredBefore`, when it is given. Gives how many went.
 */
export async function sweep(options: SweepOptions): Promise<number> {
  const { storage, database, olderThan, retiredBefore, signal } = options;
  // Listed before the catalog is read: an attempt that commits in between is then seen as committed.
  const attempts = await listAttempts(options);
  const names = await listNames(options);
  const attemptsOf = Map.groupBy(attempts, (attempt) => attempt.backupId);
  const live = liveBackups(attempts, options.live);
  const orphans: string[] = [];
  for (const [backupId, ofBackup] of attemptsOf) {
    if (!live.has(backupId)) orphans.push(...(await orphansOf(ofBackup, names.get(backupId), options)));
  }
  await removeAll(storage, orphans, signal);
  const parts = new Map(
    [...attemptsOf].map(([backupId, ofBackup]) => [backupId, ofBackup.flatMap(({ keys }) => keys)]),
  );
  const retired = retiredBefore
    ? await sweepRetired({ storage, names, parts, retiredBefore, live, signal })
    : 0;
  const unfinished = await storage.sweep(databaseFolder(database), olderThan, signal);
  const marks = await storage.sweep(installationKey, olderThan, signal);
  return orphans.length + retired + unfinished + marks;
}

interface SweepOptions {
  storage: Storage;
  database: string;
  olderThan: Date;
  /** Where it is not given, nothing that was retired is removed. */
  retiredBefore?: Date;
  /** Runs that may still be written, and backups that are used: by the ids of their attempts or their own. */
  live: ReadonlySet<string>;
  signal: AbortSignal;
}

interface StoredAttempt {
  backupId: string;
  attemptId: string;
  touchedAt: Date;
  keys: string[];
}

async function listAttempts(options: {
  storage: Storage;
  database: string;
  signal: AbortSignal;
}): Promise<StoredAttempt[]> {
  const attempts = new Map<string, StoredAttempt>();
  const prefix = dataPrefix(options.database);
  for await (const { key, modifiedAt } of options.storage.list(prefix, options.signal)) {
    const parsed = parseDataKey(key);
    if (!parsed) continue;
    const { backupId, attemptId } = parsed;
    const folder = `${backupId}/${attemptId}`;
    const attempt = attempts.get(folder) ?? { backupId, attemptId, touchedAt: modifiedAt, keys: [] };
    attempts.set(folder, attempt);
    attempt.keys.push(key);
    if (modifiedAt > attempt.touchedAt) attempt.touchedAt = modifiedAt;
  }
  return [...attempts.values()];
}

/** The backups that are live themselves, or have an attempt that is: nothing of such a run is touched. */
function liveBackups(attempts: readonly StoredAttempt[], live: ReadonlySet<string>): ReadonlySet<string> {
  const writing = attempts.filter(({ attemptId }) => live.has(attemptId)).map(({ backupId }) => backupId);
  return new Set([...live, ...writing]);
}

/** The keys of those attempts of one backup that nothing needs. */
async function orphansOf(
  attempts: readonly StoredAttempt[],
  names: CatalogNames | undefined,
  options: SweepOptions,
): Promise<string[]> {
  // All that is left of a retired backup goes together, when its grace is over.
  if (names?.prunedAt && !names.committed) return [];
  const old = attempts.filter(({ touchedAt }) => touchedAt < options.olderThan);
  // The only attempt of a committed backup is the one that its manifest names: no need to read it.
  if (old.length === 0 || (names?.committed && attempts.length === 1)) return [];
  const isNeeded = await neededOf(attempts, options);
  return old.filter(({ attemptId }) => !isNeeded(attemptId)).flatMap(({ keys }) => keys);
}

/**
 * Which attempts of a backup are needed now, whatever a listing said that was taken while the backup was retired: the
 * mark is written before the manifest goes, so it is looked for after it. What a backup needs whose manifest cannot
 * be read is not known: nothing of it may go.
 */
async function neededOf(
  [attempt]: readonly StoredAttempt[],
  { storage, signal }: SweepOptions,
): Promise<(attemptId: string) => boolean> {
  const backupId = attempt?.backupId ?? '';
  try {
    const manifest = await findManifest({ storage, backupId, signal });
    if (manifest) return (attemptId) => attemptId === manifest.attemptId;
    const retired = await isPresent(storage, prunedKey(backupId), signal);
    return () => retired;
  } catch (error) {
    if (hasCode(error, 'MANIFEST_INVALID') || hasCode(error, 'FORMAT_UNSUPPORTED')) return () => true;
    throw error;
  }
}
