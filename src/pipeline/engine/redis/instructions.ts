import type { EngineInstructions, InstructionsRequest } from '../engine.ts';
import { enoughDatabases } from './rdb-file.ts';

/** The name of the file to make, for the shell: the reader may set TARGET. */
const target = '"${TARGET:-restored.rdb}"';

/** How to read and restore an RDB with Redis's own programs. */
export function instructions({ parts, restore, decode }: InstructionsRequest): EngineInstructions {
  const data = parts
    .filter((part) => part.kind === 'data')
    .map(decode)
    .join('');
  return {
    needs: `coreutils and Redis's or Valkey's programs of version ${restore.minToolVersion} or newer (redis-check-rdb, redis-server, redis-cli; Valkey's are called valkey-…)`,
    show: {
      title: 'Show what it is: the version of the server that made it, and when',
      command: `${data} | head -c 300 | tr -cd '[:print:]'`,
    },
    restore: [
      {
        title: 'Write the RDB to a file of this folder (TARGET, or restored.rdb) and check that it is whole',
        commands: [`${data} > ${target}`, `redis-check-rdb ${target}`],
      },
      {
        title:
          'Start a server from it, on a Unix socket in this folder (always without an append-only file: with one it starts empty and writes over the RDB when it stops; with enough databases: it does not start where the RDB has more of them)',
        commands: [
          `redis-server --port 0 --unixsocket restored.sock --dir "$PWD" --dbfilename ${target} --databases ${enoughDatabases} --appendonly no --save '' --logfile "$PWD/restored.log" --pidfile "$PWD/restored.pid" --daemonize yes`,
          `${whileLoading}; redis-cli -s restored.sock INFO keyspace || tail restored.log`,
        ],
      },
    ],
  };
}

/** As long as the server lives. Its socket is named by no path: that of a backup's folder can be longer than one may be. */
const whileLoading =
  'sleep 1; while kill -0 "$(cat restored.pid)" 2> /dev/null && ! redis-cli -e -s restored.sock PING > /dev/null 2>&1; do sleep 1; done';
