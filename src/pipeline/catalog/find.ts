import { BackupDataError, joinErrors } from '../../shared/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { findManifestFile, type ManifestFile } from './catalog.ts';

/** A storage that could not tell, or not reliably, whether it has a backup. */
export interface Unread {
  storage: string;
  error: BackupDataError;
}

export interface FoundBackup extends ManifestFile {
  storage: Storage;
  /** The storages that come before it and may have the backup too. */
  unread: readonly Unread[];
}

/**
 * The manifest from the first storage that has it; undefined when none of them does. When one could not be read, or its
 * manifest not be trusted, the next is asked; that is thrown only when no other has the backup.
 */
export async function findBackup(options: {
  storages: readonly Storage[];
  backupId: string;
  signal: AbortSignal;
}): Promise<FoundBackup | undefined> {
  const { storages, backupId, signal } = options;
  const unread: Unread[] = [];
  for (const storage of storages) {
    try {
      const found = await findManifestFile({ storage, backupId, signal });
      if (found) return { ...found, storage, unread };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BackupDataError)) throw error;
      unread.push({ storage: storage.name, error });
    }
  }
  const [first, ...others] = unread.map(({ error }) => error);
  if (first) throw joinErrors([first, ...others]);
  return undefined;
}

/** What an operator should know of a backup that was not found where it was looked for first. */
export function unreadNotes({ storage, unread }: Pick<FoundBackup, 'storage' | 'unread'>): string[] {
  return unread.map(
    (each) =>
      `the manifest was read from storage ${storage.name}; in storage ${each.storage}: ${each.error.message}`,
  );
}
