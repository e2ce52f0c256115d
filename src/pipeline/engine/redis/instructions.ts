import type { ManifestPart, RestoreFacts } from '../../../shared/manifest.ts';
import type { EngineInstructions } from '../engine.ts';

/** The file to make, for the shell: the reader may set TARGET. */
const target = '"${TARGET:-restored.rdb}"';

/** How to read and restore an RDB with Redis's own programs. */
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
  return {
    needs: `Redis's or Valkey's programs of version ${restore.minToolVersion} or newer (redis-check-rdb, redis-server)`,
    show: {
      title: 'Show what it is: the version of the server that made it, and when',
      command: `${data} | head -c 300 | tr -cd '[:print:]'; echo`,
    },
    restore: [
      {
        title: 'Write the RDB to a file (TARGET, or restored.rdb) and check that it is whole',
        commands: [`${data} > ${target}`, `redis-check-rdb ${target}`],
      },
      {
        title:
          'Start a server from it, on a Unix socket in the current folder. It must start without an append-only file, or it starts empty and writes over the file',
        commands: [
          `redis-server --port 0 --unixsocket "$PWD/restored.sock" --dir "$(dirname ${target})" --dbfilename "$(basename ${target})" --appendonly no --save "" --daemonize yes`,
          `redis-cli -s "$PWD/restored.sock" INFO keyspace`,
        ],
      },
    ],
  };
}
