import type { Logger } from '../../shared/logger.ts';
import type { DatabaseFreshness, NewestBackup } from './freshness.ts';
import type { Reading } from './read-newest.ts';

/** What is kept of one database: of its newest backup, and of no other. */
export interface Known
  extends Pick<DatabaseFreshness, 'entry' | 'readAt' | 'newest' | 'proven' | 'verificationFailed'> {
  /** Ids of backups that were told to be damaged. */
  damaged: readonly string[];
}

export interface State {
  names(): string[];
  get(database: string): Known | undefined;
  newest(database: string): NewestBackup | null;
  /** Takes a reading that began at `readAt`; one that began later stays. */
  take(database: string, read: { entry: string; readAt: Date; reading: Reading }): void;
  forget(database: string): void;
  /** Null where it answered. */
  answered(storage: string, failure: Error | null): void;
  storages(): ReadonlyMap<string, string | null>;
  forgetStorage(storage: string): void;
}

const none: readonly string[] = [];

/** What was read; damage, and a storage that comes and goes, is logged once. */
export function createState({ logger }: { logger: Logger }): State {
  const databases = new Map<string, Known>();
  const storages = new Map<string, string | null>();
  const tellDamage = (database: string, { damaged }: Reading): void => {
    const told = databases.get(database)?.damaged ?? none;
    for (const { backupId, why, error } of damaged)
      if (!told.includes(backupId))
        logger.warn(`a backup does not count: ${why}`, { database, backupId, error });
  };
  return {
    names: () => [...databases.keys()],
    get: (database) => databases.get(database),
    newest: (database) => databases.get(database)?.newest ?? null,
    take: (database, { entry, readAt, reading }) => {
      const earlier = databases.get(database);
      if (earlier && earlier.readAt > readAt) return;
      tellDamage(database, reading);
      const damaged = reading.damaged.length === 0 ? none : reading.damaged.map(({ backupId }) => backupId);
      databases.set(database, { entry, readAt, ...reading, damaged });
    },
    forget: (database) => void databases.delete(database),
    answered: (storage, failure) => {
      const earlier = storages.get(storage);
      storages.set(storage, failure?.message ?? null);
      if (failure && !earlier)
        logger.warn('the catalog of a storage cannot be read; what is known of it stays', {
          storage,
          error: failure,
        });
      if (!failure && earlier) logger.info('the catalog of a storage can be read again', { storage });
    },
    storages: () => storages,
    forgetStorage: (storage) => void storages.delete(storage),
  };
}
