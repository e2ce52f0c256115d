import { setTimeout as delay } from 'node:timers/promises';
import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import { type Child, startChild } from '../../process/child.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';
import { withClient } from './client.ts';
import type { Connection } from './connection.ts';
import { readInfo, type ServerInfo } from './info.ts';
import { enoughDatabases } from './rdb-file.ts';
import { socketIn } from './socket-path.ts';

/** A server on a file, for a drill. */
export interface ScratchServer {
  info(): Promise<ServerInfo>;
  /** Resolves once it is gone. Never throws. */
  stop(): Promise<void>;
}

/** Milliseconds. */
const pollInterval = 50;

/** Resolves once it has loaded the file. RESTORE_FAILED with its last words where it ends instead. */
export async function startScratchServer(
  { program, folder, path }: { program: string; folder: string; path: string },
  context: EngineContext,
): Promise<ScratchServer> {
  const socket = socketIn(folder, 'server');
  const child = startChild(
    { program, args: argumentsFor({ socket, folder, path }), env: plainEnvironment(context) },
    ['ignore', 'pipe', 'pipe'],
  );
  const words = lastWords(child);
  const stop = async (): Promise<void> => {
    child.stop('SIGKILL');
    await child.closed;
  };
  const info = (): Promise<ServerInfo> => withClient(reachedBy(socket), context, readInfo);
  try {
    await untilLoaded(child, info, context, words);
    return { info, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Nobody else can reach it, and it writes nothing. */
function argumentsFor({ socket, folder, path }: { socket: string; folder: string; path: string }): string[] {
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    databases: enoughDatabases,
    dbfilename: path.slice(path.lastIndexOf('/') + 1),
    save: '',
    appendonly: 'no',
    daemonize: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function untilLoaded(
  child: Child,
  info: () => Promise<ServerInfo>,
  { signal }: EngineContext,
  words: () => string,
): Promise<void> {
  let ended = false;
  void child.closed.then(() => {
    ended = true;
  });
  for (;;) {
    const told = await info().catch(notYet);
    if (told?.get('loading') === '0') return;
    signal.throwIfAborted();
    if (ended) throw notStarted(words());
    await delay(pollInterval, undefined, { signal });
  }
}

/** Anything but a server that does not answer would be so for ever. */
function notYet(error: unknown): undefined {
  if (!hasCode(error, 'DATABASE_UNREACHABLE')) throw error;
}

/** It logs to stdout; where it cannot load the file, what a check of that says follows its own last word. */
function lastWords({ process }: Child): () => string {
  let said = '';
  process.stdout?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString('utf8')}`.slice(-65_536);
  });
  return () => {
    const [own = ''] = said.split(/^\[offset 0\] Checking RDB/m);
    return own.trim().split('\n').slice(-2).join(' | ');
  };
}

function notStarted(words: string): BackupDataError {
  return new BackupDataError(
    'RESTORE_FAILED',
    `redis-server did not start from the restored file: ${words}`,
    {
      hint: 'It may lack a module of the source, or memory; mend that and verify again.',
    },
  );
}

function reachedBy(socket: string): Connection {
  return {
    host: '',
    port: 0,
    socket,
    user: undefined,
    password: undefined,
    tls: null,
    clusterNode: false,
  };
}
