import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import type { EngineContext } from '../engine.ts';
import type { Client } from './client.ts';
import { addressOf } from './connection.ts';
import { dumping, readInfo } from './info.ts';

/** A server that forks for its dump, or waits for more replicas, is quiet for a while. */
const patienceInTimeouts = 3;

/** Milliseconds. */
const pollInterval = 250;

/**
 * Has redis-cli write the server's data into a file, as of one moment. It waits for ever for a server that went silent: so the
 * file is watched, and once it does not grow while the server does not answer or is not making a dump, the run has failed.
 */
export async function transfer(client: Client, path: string, context: EngineContext): Promise<void> {
  const [ended, givenUp] = [new AbortController(), new AbortController()];
  const patience = patienceInTimeouts * context.connectTimeout;
  const watching = watch({ client, path, patience, ended: ended.signal }).then((reason) => {
    if (reason) givenUp.abort(reason);
  });
  try {
    const signal = AbortSignal.any([context.signal, givenUp.signal]);
    await untilIdle(client, signal);
    client.requireSuccess(await capture(client.stage(['--rdb', path]), { signal, maxBytes: 1 << 20 }));
  } finally {
    ended.abort();
    await watching;
  }
}

/**
 * Whoever asks while the server writes an RDB to a file for another like him is given that one, which began before the run: what was
 * written between would be missing. A server makes one at a time in any case.
 */
async function untilIdle(client: Client, signal: AbortSignal): Promise<void> {
  while ((await readInfo(client)).get('rdb_bgsave_in_progress') === '1') {
    await pause(pollInterval, signal);
    signal.throwIfAborted();
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
  let [size, since, wasSent] = [0, performance.now(), false];
  while (await pause(patience / 10, ended)) {
    const now = await sizeOf(path);
    if (now === size && performance.now() - since < patience) continue;
    const state = now === size ? await stateOf(client) : 'growing';
    if (state instanceof BackupDataError) return state;
    // What it sends may have been about to come when it was asked first: a server never ends such a dump by itself.
    if (state === 'nothing' || (state === 'sending' && wasSent)) return silent(client, state, patience);
    [size, since, wasSent] = [now, performance.now(), state === 'sending'];
  }
  return undefined;
}

/** What the server does, or why it does not tell. */
async function stateOf(client: Client): Promise<ReturnType<typeof dumping> | BackupDataError | 'unknown'> {
  try {
    return dumping(await readInfo(client));
  } catch (error) {
    return error instanceof BackupDataError ? error : 'unknown';
  }
}

function silent({ connection }: Client, state: 'nothing' | 'sending', patience: number): BackupDataError {
  const [waited, what] =
    state === 'nothing'
      ? [patience, 'sent nothing for % s, and is making no dump']
      : [2 * patience, 'has a dump to send, of which nothing came for % s'];
  return new BackupDataError(
    'TIMEOUT',
    `Redis at ${addressOf(connection)} ${what.replace('%', String(Math.round(waited / 1000)))}`,
    {
      hint: "Look into the server's log, and at what is between it and this machine; the run is tried again.",
    },
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
