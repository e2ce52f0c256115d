import { posix } from 'node:path';
import type { Manifest, ManifestPart } from '../shared/manifest.ts';
import type { Codec } from './codec/codec.ts';
import type { Engine } from './engine/engine.ts';

/**
 * RESTORE.md of one backup: how to check, read and restore it with stock tools alone, when BackUpData itself is gone.
 * Every command works as it stands in the folder that holds the part files.
 */
export function restoreInstructions({
  manifest,
  engine,
  codecs,
}: {
  manifest: Manifest;
  engine: Engine;
  codecs: readonly Codec[];
}): string {
  const decode = (part: ManifestPart): string =>
    [
      `cat ${part.volumes.map(fileOf).join(' ')}`,
      ...codecs.toReversed().flatMap(({ stock }) => stock?.command ?? []),
    ].join(' | ');
  const { needs, show, restore } = engine.instructions({
    source: manifest.source.database,
    parts: manifest.parts,
    restore: manifest.restore,
    decode,
  });
  return [
    `# Restore ${manifest.backupId}`,
    `A backup of the database \`${plain(manifest.source.database)}\` (${manifest.engine.name} ${manifest.engine.serverVersion}), taken at ${manifest.snapshotAt} by BackUpData.`,
    `Nothing of BackUpData is needed: only ${['sha256sum', ...codecs.flatMap(({ name, stock }) => (stock ? [name] : []))].join(', ')} and ${needs}.`,
    'Run the commands in a POSIX shell, in the folder that holds this file and the files beside it.',
    ...codecs.flatMap(({ stock }) => stock?.needs ?? []),
    ...(manifest.notes.length > 0
      ? [`Noted when it was made:\n${manifest.notes.map((note) => `\n- ${plain(note)}`).join('')}`]
      : []),
    `## ${show.title}`,
    block(`${checksum(manifest.parts)} && ${show.command}`),
    'It checks the files first, and prints nothing but `FAILED` lines if one is damaged; then use another backup.',
    ...restore.flatMap(({ title, commands }) => [`## ${title}`, ...commands.map(block)]),
    '',
  ].join('\n\n');
}

function checksum(parts: readonly ManifestPart[]): string {
  const lines = parts
    .flatMap((part) => part.volumes)
    .map((volume) => `${volume.sha256}  ${fileOf(volume)}\\n`);
  return `printf '${lines.join('')}' | sha256sum --check --quiet -`;
}

function fileOf(volume: { key: string }): string {
  return posix.basename(volume.key);
}

/** A name from the server may hold anything; on one line and without backquotes it begins no block of commands. */
function plain(name: string): string {
  return name.replaceAll(/[\p{Cc}\u2028\u2029`]/gu, '?');
}

/** The fence is longer than any that a quoted name or setting holds, so that none of them can end the block. */
function block(command: string): string {
  const runs = Array.from(command.matchAll(/`+/g), ([run]) => run.length);
  const fence = '`'.repeat(Math.max(3, ...runs.map((length) => length + 1)));
  return `${fence}sh\n${command}\n${fence}`;
}
