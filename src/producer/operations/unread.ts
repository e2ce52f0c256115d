import { unreadNotes } from '../../pipeline/catalog/find.ts';
import { timeOfBackup } from '../../shared/ids.ts';
import { formatAge } from '../../shared/time-text.ts';
import type { LocatedBackup } from './locate.ts';

/** What an operator must know of a backup that was not found where it was looked for first, in sentences. */
export function unreadWarnings(located: LocatedBackup, now: Date): string[] {
  const { manifest, unread, mayBeOlder } = located;
  if (!mayBeOlder) return unreadNotes(located);
  const { backupId } = manifest;
  const storages = unread.map(({ storage, error }) => `storage ${storage} cannot be read: ${error.message}`);
  const age = formatAge(timeOfBackup(backupId), now);
  return [...storages, `${backupId} (${age}) is the latest that can be read; there may be a later one`];
}
