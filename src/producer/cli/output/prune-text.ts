import { formatBytes } from '../../../shared/config/units.ts';
import { formatAge } from '../../../shared/time-text.ts';
import type { PreviewDocument } from '../../operations/documents.ts';
import { type Column, renderTable } from './table.ts';

type Decision = PreviewDocument['decisions'][number];

/** For each database and storage a table of what would become of its backups, and what that would free. */
export function prunePreviewText(options: {
  previews: readonly PreviewDocument[];
  now: Date;
  width: number;
}): string {
  const { previews } = options;
  const retiring = previews.reduce((sum, { decisions }) => sum + countRetiring(decisions), 0);
  const next =
    retiring === 0
      ? 'Nothing would be retired.'
      : 'Nothing was changed. To retire these backups, add --confirm.';
  return [...previews.map((preview) => previewText(preview, options)), next].join('\n\n');
}

function previewText(
  { database, storage, decisions, note }: PreviewDocument,
  { now, width }: { now: Date; width: number },
): string {
  const title = `${database} in storage ${storage}: `;
  if (note !== null) return `${title}${note}`;
  if (decisions.length === 0) return `${title}there are no backups`;
  const freed = decisions
    .filter(({ decision }) => decision === 'retire')
    .reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  const summary = `${countRetiring(decisions)} of ${decisions.length} would be retired, and ${formatBytes(freed)} freed a day later`;
  return `${title}${summary}\n${renderTable({ columns: columnsAt(now), rows: decisions, width })}`;
}

function columnsAt(now: Date): [Column<Decision>, ...Column<Decision>[]] {
  return [
    { title: 'backup', cell: ({ backupId }) => backupId },
    { title: 'age', cell: ({ at }) => formatAge(new Date(at), now), leaveOut: 1 },
    { title: 'size', cell: ({ bytes }) => (bytes === null ? '-' : formatBytes(bytes)), align: 'right' },
    { title: 'decision', cell: ({ decision }) => (decision === 'retire' ? 'RETIRE' : 'keep') },
    { title: 'reasons', cell: ({ reasons }) => reasons.join(', '), shorten: true },
  ];
}

function countRetiring(decisions: readonly Decision[]): number {
  return decisions.filter(({ decision }) => decision === 'retire').length;
}
