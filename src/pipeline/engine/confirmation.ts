import { BackupDataError } from '../../shared/errors.ts';
import type { Manifest } from '../../shared/manifest.ts';

/** A database on a server, as a target of a restore. */
export interface TargetDatabase {
  database: string;
  /** Of its server, in words. */
  address: string;
}

/** TARGET_NOT_EMPTY when something else than the target's name was typed. */
export function refuseOtherConfirmation({
  database,
  address,
  confirm,
}: TargetDatabase & { confirm: string | undefined }): void {
  if (confirm === undefined || confirm === database) return;
  throw new BackupDataError(
    'TARGET_NOT_EMPTY',
    `"${confirm}" was typed as confirmation, and the target is "${database}" at ${address}`,
    { hint: `To restore over what is in it, type --confirm ${database}; otherwise correct the target.` },
  );
}

export interface NotEmpty extends TargetDatabase {
  /** The `systemIdentifier` of the target's server; null when it cannot be known. */
  identity: string | null;
  /** In words. */
  holds: readonly string[];
  manifest: Manifest;
}

/** TARGET_NOT_EMPTY, which says so when the target is the very database that the backup was made of. */
export function notEmpty({ database, address, identity, holds, manifest }: NotEmpty): BackupDataError {
  const { backupId, source } = manifest;
  const same = identity !== null && identity === source.systemIdentifier && database === source.database;
  const what = same
    ? `is the very database that ${backupId} was made of, and holds`
    : 'is not empty: it holds';
  return new BackupDataError(
    'TARGET_NOT_EMPTY',
    `the target database "${database}" at ${address} ${what} ${holds.join(', ')}`,
    {
      hint: `Restore into a new database with --create, or type its name to restore over what is there: --confirm ${database}.`,
    },
  );
}
