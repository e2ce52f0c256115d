import { hasCode } from '../shared/errors.ts';
import { isAttemptId, isBackupId } from '../shared/ids.ts';
import { findManifest, listEntries } from './catalog/catalog.ts';
import { attemptFolder, databaseFolder, dataPrefix, installationKey } from './catalog/keys.ts';
import type { Storage } from './storage/storage.ts';

const removeAtOnce = 1_000;

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
 * Removes the orphans of one database: objects of attempts that no manifest names, last touched before `olderThan`
 * and not among `live` attempts, and unfinished uploads as old, of the storage's own mark too. Gives how many went.
 */
export async function sweep(options: {
  storage: Storage;
  database: string;
  olderThan: Date;
  live: ReadonlySet<string>;
  signal: AbortSignal;
}): Promise<number> {
  const { storage, database, olderThan, live, signal } = options;
  // Listed before the catalog is read: an attempt that commits in between is then seen as committed.
  const attempts = await listAttempts(options);
  const committed = new Set((await listEntries(options)).map((entry) => entry.backupId));
  const attemptsOf = Map.groupBy(attempts, (attempt) => attempt.backupId);
  const orphans: string[] = [];
  for (const attempt of attempts) {
    if (attempt.touchedAt >= olderThan || live.has(attempt.attemptId)) continue;
    // The only attempt of a committed backup is the one that its manifest names: no need to read it.
    const alone = (attemptsOf.get(attempt.backupId) ?? []).length === 1;
    const needed = committed.has(attempt.backupId) && (alone || (await isNeeded(attempt, options)));
    if (!needed) orphans.push(...attempt.keys);
  }
  for (let start = 0; start < orphans.length; start += removeAtOnce) {
    await storage.remove(orphans.slice(start, start + removeAtOnce), signal);
  }
  const unfinished = await storage.sweep(databaseFolder(database), olderThan, signal);
  return orphans.length + unfinished + (await storage.sweep(installationKey, olderThan, signal));
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
    const [backupId = '', attemptId = '', ...names] = key.slice(prefix.length).split('/');
    // What somebody else put there is not ours to judge, nor to remove.
    if (!isBackupId(backupId) || !isAttemptId(attemptId) || names.length !== 1) continue;
    const attempt = attempts.get(attemptId) ?? { backupId, attemptId, touchedAt: modifiedAt, keys: [] };
    attempts.set(attemptId, attempt);
    attempt.keys.push(key);
    if (modifiedAt > attempt.touchedAt) attempt.touchedAt = modifiedAt;
  }
  return [...attempts.values()];
}

/** What a backup needs whose manifest cannot be read is not known: nothing of it may go. */
async function isNeeded(
  attempt: StoredAttempt,
  options: { storage: Storage; signal: AbortSignal },
): Promise<boolean> {
  try {
    const manifest = await findManifest({ ...options, backupId: attempt.backupId });
    return manifest?.attemptId === attempt.attemptId;
  } catch (error) {
    if (hasCode(error, 'MANIFEST_INVALID') || hasCode(error, 'FORMAT_UNSUPPORTED')) return true;
    throw error;
  }
}
