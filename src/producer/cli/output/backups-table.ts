import { formatBytes, formatDuration } from '../../../shared/config/units.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { badgeOf } from '../../../shared/verification.ts';
import type { StoredBackup } from '../stored.ts';
import { type Column, renderTable } from './table.ts';
import { formatTime } from './time.ts';

const columns: readonly [Column<StoredBackup>, ...Column<StoredBackup>[]] = [
  { title: 'backup', cell: ({ backupId }) => backupId },
  {
    title: 'finished',
    cell: fromManifest(({ finishedAt }) => formatTime(new Date(finishedAt))),
    leaveOut: 1,
  },
  { title: 'size', cell: fromManifest(({ bytes }) => formatBytes(bytes)), align: 'right' },
  {
    title: 'took',
    cell: fromManifest((manifest) => formatDuration(durationOf(manifest))),
    align: 'right',
    leaveOut: 2,
  },
  { title: 'verified', cell: (backup) => `${stateOf(backup)}${backup.pinned ? ', pinned' : ''}` },
];

/** `several`: name the storage of each row. */
export function backupsTable(options: {
  backups: readonly StoredBackup[];
  width: number;
  several: boolean;
}): string {
  const { backups, width, several } = options;
  const storage: Column<StoredBackup> = { title: 'storage', cell: (backup) => backup.storage };
  return renderTable({ columns: several ? [...columns, storage] : columns, rows: backups, width });
}

/** Milliseconds from the start of the attempt to its commit. */
export function durationOf({ startedAt, finishedAt }: Manifest): number {
  return Date.parse(finishedAt) - Date.parse(startedAt);
}

function stateOf({ problem, verifications }: StoredBackup): string {
  if (!problem) return badgeOf(verifications);
  return problem.code === 'FORMAT_UNSUPPORTED' ? 'TOO NEW' : 'DAMAGED';
}

function fromManifest(cell: (manifest: Manifest) => string): (backup: StoredBackup) => string {
  return ({ manifest }) => (manifest ? cell(manifest) : '-');
}
