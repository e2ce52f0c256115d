import type { ManifestPart, RestoreFacts } from '../../../shared/manifest.ts';
import type { EngineInstructions } from '../engine.ts';

/** The name of the file to make, for the shell: the reader may set TARGET. */
const target = '"${TARGET:-restored.db}"';

/** How to read and restore the file with SQLite's own program. */
export function instructions({
  parts,
  restore,
  decode,
}: {
  parts: readonly ManifestPart[];
  restore: RestoreFacts;
  decode: (part: ManifestPart) => string;
}): EngineInstructions {
  const data = parts
    .filter((part) => part.kind === 'data')
    .map(decode)
    .join('');
  const counts = parts.filter((part) => part.kind === 'counts').map(decode);
  return {
    needs: `coreutils and sqlite3 of version ${restore.minToolVersion} or newer`,
    show: { title: 'Show that it is a database of SQLite', command: `${data} | head -c 15` },
    restore: [
      {
        title:
          'Write the database to a new file of this folder (TARGET, or restored.db), and check that it is whole (a file that is replaced must not leave its -wal or -journal behind)',
        commands: [`${data} > ${target}`, `sqlite3 -readonly ${target} 'PRAGMA integrity_check'`],
      },
      {
        title: 'Show what is in it',
        commands: [`sqlite3 -readonly ${target} .schema`],
      },
      ...counts.map((decoded) => ({
        title: 'Show how many rows each table had, to compare',
        commands: [decoded],
      })),
    ],
  };
}
