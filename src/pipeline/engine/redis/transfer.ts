import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import type { EngineContext } from '../engine.ts';
import type { Client } from './client.ts';
import { addressOf } from './connection.ts';
import { isSending, readInfo } from './info.ts';

/** A server that forks for its dump, or waits for more replicas, is quiet for a while. */
const patienceInTimeouts = 3;

/**
 * Has redis-cli write the server's data into a file, as of one moment. It waits for ever for a server that went silent: so the
 * file is watched, and once it does not grow while the server does not answer or is not sending, the run has failed.
 */
export async function transfer(client: Client, path: string, context: EngineContext): Promise<void> {
  const [ended, givenUp] = [new AbortController(), new AbortController()];
  const patience = patienceInTimeouts * context.connectTimeout;
  const watching = watch({ client, path, patience, ended: ended.signal }).then((reason) => {
    if (reason) givenUp.abort(reason);
  });
  try {
    const signal = AbortSignal.any([context.signal, givenUp.signal]);
    client.requireSuccess(await capture(client.stage(['--rdb', path]), { signal, maxBytes: 1 << 20 }));
  } finally {
    ended.abort();
    await watching;
  }
}

/** Why there is nothing more to wait for; undefined once it has ended by itself. */
async function watch(watched: {
  client: Client;
  path: string;
  patience: number;
  ended: AbortSignal;
}): Promise<BackupDataError | undefined> {
  const { client, path, patience, ended } = watched;
  let [size, since] = [0, performance.now()];
  while (await pause(patience / 10, ended)) {
    const now = await sizeOf(path);
    if (now === size && performance.now() - since < patience) continue;
    const trouble = now === size ? await troubleOf(client, patience) : undefined;
    if (trouble) return trouble;
    [size, since] = [now, performance.now()];
  }
  return undefined;
}

async function troubleOf(client: Client, patience: number): Promise<BackupDataError | undefined> {
  try {
    if (isSending(await readInfo(client))) return undefined;
  } catch (error) {
    return error instanceof BackupDataError ? error : undefined;
  }
  return new BackupDataError(
    'TIMEOUT',
    `Redis at ${addressOf(client.connection)} sent nothing for ${Math.round(patience / 1000)} s, and is making no dump`,
    { hint: "Look into the server's log; the run is tried again." },
  );
}

/** Whether it went by; false once `ended`. */
function pause(milliseconds: number, ended: AbortSignal): Promise<boolean> {
  return delay(milliseconds, true, { signal: ended }).catch(() => false);
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
