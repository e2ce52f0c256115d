import { formatBytes, formatDuration } from '../../../shared/config/units.ts';
import { formatTime } from '../../../shared/time-text.ts';
import type { BackupDocument } from '../../operations/documents.ts';
import { type Column, renderTable } from './table.ts';

const columns: readonly [Column<BackupDocument>, ...Column<BackupDocument>[]] = [
  { title: 'backup', cell: ({ backupId }) => backupId },
  {
    title: 'finished',
    cell: ({ finishedAt }) => (finishedAt === null ? '-' : formatTime(new Date(finishedAt))),
    leaveOut: 1,
  },
  { title: 'size', cell: ({ bytes }) => (bytes === null ? '-' : formatBytes(bytes)), align: 'right' },
  { title: 'took', cell: tookOf, align: 'right', leaveOut: 2 },
  { title: 'verified', cell: (backup) => `${stateOf(backup)}${backup.pinned ? ', pinned' : ''}` },
];

/** `several`: name the storage of each row. */
export function backupsTable(options: {
  backups: readonly BackupDocument[];
  width: number;
  several: boolean;
}): string {
  const { backups, width, several } = options;
  const storage: Column<BackupDocument> = { title: 'storage', cell: (backup) => backup.storage };
  return renderTable({ columns: several ? [...columns, storage] : columns, rows: backups, width });
}

/** From the start of the attempt to its commit. */
function tookOf({ startedAt, finishedAt }: BackupDocument): string {
  if (startedAt === null || finishedAt === null) return '-';
  return formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
}

function stateOf({ problem, verification }: BackupDocument): string {
  if (!problem) return verification;
  return problem.code === 'FORMAT_UNSUPPORTED' ? 'TOO NEW' : 'DAMAGED';
}
