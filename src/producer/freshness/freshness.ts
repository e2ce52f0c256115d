import type { Verification } from '../../shared/verification.ts';

/** The newest backup of a database, as its manifest tells it. Sizes in stored bytes. */
export interface NewestBackup {
  backupId: string;
  /** The data in it is of this moment. */
  snapshotAt: Date;
  finishedAt: Date;
  /** Milliseconds from the start of the attempt that committed to its commit. */
  duration: number;
  bytes: number;
  /** What a backup of this database usually has; null where there were too few to say. */
  usualBytes: number | null;
}

/** What the catalog tells of one database. */
export interface DatabaseFreshness {
  database: string;
  /** The entry of the configuration that it belongs to: its own name, or that of its server. */
  entry: string;
  /** When the catalog was read. */
  readAt: Date;
  /** Null where there is no backup. */
  newest: NewestBackup | null;
  /** Whether the newest backup is older than `maxAge`; false where there is no limit. */
  stale: boolean;
  /** Milliseconds; null where there is no limit. */
  maxAge: number | null;
  /** The newest verification that succeeded, of any backup; undefined where none did. */
  proven: Verification | undefined;
  /** Whether the last verification of its newest backup failed, and nothing proved it since. */
  verificationFailed: boolean;
}

/**
 * What the catalogs of all storages tell, kept in memory and read again and again, so that a scrape and a list ask no
 * storage. It needs no Redis.
 */
export interface Freshness {
  /** Databases that were read at least once; those of servers too. */
  databases(): readonly DatabaseFreshness[];
  get(database: string): DatabaseFreshness | undefined;
  /** By name: null once it answered, else why it could not be read the last time. */
  storages(): ReadonlyMap<string, string | null>;
  /** Reads one database's catalog now, and gives what it tells. Throws what the storage throws. */
  refresh(database: string, signal: AbortSignal): Promise<DatabaseFreshness>;
  close(): Promise<void>;
}
