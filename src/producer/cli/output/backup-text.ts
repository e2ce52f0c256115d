import { formatBytes, formatDuration } from '../../../shared/config/units.ts';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import { formatAge, formatTime } from '../../../shared/time-text.ts';
import type { ResponseOf } from '../../operations/contract.ts';
import type { CopyDocument } from '../../operations/documents.ts';
import { type Field, renderFields } from './fields.ts';
import { movedText } from './jobs-text.ts';
import { type Column, renderTable } from './table.ts';

export interface ShownBackup extends Omit<ResponseOf<'showBackup'>, 'warnings'> {
  now: Date;
  width: number;
}

/** Everything about one backup, for people: fields, then its parts. */
export function backupText(shown: ShownBackup): string {
  const { manifest, width } = shown;
  const parts = renderTable({ columns: partColumns, rows: manifest.parts, width });
  return `${renderFields([...identity(shown), ...contents(shown), ...proof(shown)], width)}\n\n${parts}`;
}

function identity({ manifest, storage, copies, pinned, now }: ShownBackup): Field[] {
  const { trigger } = manifest;
  const finishedAt = new Date(manifest.finishedAt);
  return [
    ['backup', manifest.backupId],
    ['database', manifest.database],
    ['storage', storage],
    ['copies', copies.map(copyText)],
    ['snapshot', formatTime(new Date(manifest.snapshotAt))],
    [
      'finished',
      `${formatTime(finishedAt)} (${formatAge(finishedAt, now)}), took ${formatDuration(finishedAt.getTime() - Date.parse(manifest.startedAt))}`,
    ],
    [
      'run',
      trigger.slot === undefined
        ? trigger.kind
        : `${trigger.kind}, slot ${formatTime(new Date(trigger.slot))}`,
    ],
    ['attempt', `${manifest.attempt} (${manifest.attemptId})`],
    ['pinned', pinned ? 'yes' : []],
  ];
}

function contents({ manifest }: ShownBackup): Field[] {
  const { engine } = manifest;
  return [
    ['size', sizeText(manifest)],
    ['source', sourceText(manifest)],
    [
      'made by',
      `tools ${engine.toolVersion} (${engine.format}), ${manifest.codecs.map(describeCodec).join(', ') || 'not compressed'}`,
    ],
    ['restore', needsText(manifest)],
    ['notes', manifest.notes],
  ];
}

/** A program of the operator's own may not tell how large its source is. */
function sizeText({ bytes, estimatedSourceBytes }: Manifest): string {
  const about = estimatedSourceBytes > 0 ? `, of about ${formatBytes(estimatedSourceBytes)}` : '';
  return `${formatBytes(bytes)} stored${about}`;
}

const extents = { schema: 'definitions alone', selection: 'a selection' } as const;

function sourceText({ engine, source, restore }: Manifest): string {
  return [
    `${engine.name} ${engine.serverVersion}`,
    `database ${source.database}`,
    ...(restore.owner === '' ? [] : [`owner ${restore.owner}`]),
    ...(source.extent ? [extents[source.extent]] : []),
  ].join(', ');
}

/** Nothing for a product that says neither. */
function needsText({ restore: { minToolVersion, encoding, locale, collate } }: Manifest): string | string[] {
  const tools = minToolVersion === '' ? [] : [`needs tools ${minToolVersion} or newer`];
  const text = [encoding, locale ?? collate].filter((each) => each !== '').join(', ');
  const clauses = [...tools, ...(text === '' ? [] : [text])];
  return clauses.length === 0 ? [] : clauses.join('; ');
}

function proof({ verifications }: ShownBackup): Field[] {
  const verified = verifications.map(
    ({ at, level, outcome, seconds }) =>
      `${formatTime(new Date(at))} ${level} ${outcome === 'ok' ? 'ok' : 'FAILED'} in ${seconds}s`,
  );
  return [['verified', verified.length > 0 ? verified : 'never']];
}

function copyText({ storage, state, verification, error, progress }: CopyDocument): string {
  if (state === 'copied') return `${storage}: copied, ${verification}`;
  if (progress) return `${storage}: ${state}, ${movedText(progress)}`;
  return error ? `${storage}: ${state}: ${error.message}` : `${storage}: ${state}`;
}

function describeCodec({ name, params }: Manifest['codecs'][number]): string {
  const settings = Object.entries(params).map(([key, value]) => ` ${key} ${value}`);
  return `${name}${settings.join('')}`;
}

const partColumns: readonly [Column<ManifestPart>, ...Column<ManifestPart>[]] = [
  { title: 'part', cell: ({ name }) => name },
  { title: 'kind', cell: ({ kind }) => kind },
  {
    title: 'size',
    cell: ({ volumes }) => formatBytes(volumes.reduce((sum, { bytes }) => sum + bytes, 0)),
    align: 'right',
  },
  { title: 'volumes', cell: ({ volumes }) => String(volumes.length), align: 'right' },
];
