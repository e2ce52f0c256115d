import type { EngineInstructions, InstructionsRequest } from '../engine.ts';

/** The name of the file to make, for the shell: the reader may set TARGET. */
const target = '"${TARGET:-restored.db}"';

/** How to read and restore the copy with sqlite3. */
export function instructions({ parts, restore, decode }: InstructionsRequest): EngineInstructions {
  const data = parts
    .filter((part) => part.kind === 'data')
    .map(decode)
    .join('');
  const counts = parts.filter((part) => part.kind === 'counts').map(decode);
  return {
    needs: `coreutils and sqlite3 (the database was written by version ${restore.minToolVersion})`,
    show: {
      title: 'Show that it is a database of SQLite',
      command: `${data} | head -c 15`,
    },
    restore: [
      {
        title:
          'Write the database to a new file of this folder (TARGET, or restored.db) and check that it is whole; put it in its place only while no program has the old one open, and together with the old one move its -wal, -shm and -journal away',
        commands: [`${data} > ${target}`, `sqlite3 ${target} 'PRAGMA integrity_check'`],
      },
      ...counts.map((decoded) => ({
        title: 'Show how many rows each table had, to compare',
        commands: [decoded],
      })),
    ],
  };
}
