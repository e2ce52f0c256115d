import { changesBetween, keepFixed } from '../../shared/config/changes.ts';
import type { ConfigFiles } from '../../shared/config/files.ts';
import type { Config } from '../../shared/config/schema.ts';
import type { Logger } from '../../shared/logger.ts';
import type { HangUps } from './host.ts';

export interface Following {
  files: ConfigFiles;
  /** What the process was started with. */
  first: Config;
  logger: Logger;
  hangUps: HangUps | undefined;
  /** Is given every secret of a configuration before anything else happens to that. */
  learn: (secrets: readonly string[]) => void;
  /** Puts a configuration in the place of the one before. */
  take: (config: Config) => Promise<void>;
  /** Told of each attempt: false where what was loaded before stays in use. */
  onReload?: (ok: boolean) => void;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  signal: AbortSignal;
}

type Cause = 'SIGHUP' | 'a file changed';

/** Loads the configuration anew on SIGHUP and when its files change, until aborted. One that is not valid changes nothing. */
export async function followConfig(following: Following): Promise<void> {
  const { signal } = following;
  const hungUp = latch((wake) => following.hangUps?.listen(wake));
  const state = { config: following.first };
  while (!signal.aborted) {
    const cause = await nextCause(following, hungUp).catch(() => undefined);
    if (cause !== undefined) await reload(following, state, cause);
  }
}

async function nextCause({ files, wait, signal }: Following, hungUp: () => Promise<void>): Promise<Cause> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    return await Promise.race([
      hungUp().then(() => 'SIGHUP' as const),
      files.changed({ wait, signal: either }).then(() => 'a file changed' as const),
    ]);
  } finally {
    over.abort();
  }
}

async function reload(following: Following, state: { config: Config }, cause: Cause): Promise<void> {
  const { files, first, logger, learn, take, onReload, signal } = following;
  try {
    const loaded = await files.load();
    learn(loaded.secrets);
    const { config, kept } = keepFixed(first, loaded);
    if (kept.length > 0)
      logger.warn('the configuration changes what takes effect only when this process is started anew', {
        kept,
      });
    const changes = changesBetween(state.config, config);
    // What is being closed takes nothing more.
    if (signal.aborted) return;
    if (changes) await take(config);
    state.config = config;
    if (changes) logger.info('the configuration was loaded anew', { cause, ...changes });
    else logger.info(unchanged(config), { cause });
    onReload?.(true);
  } catch (error) {
    logger.error('the configuration could not be loaded anew; the one before stays in use', { cause, error });
    onReload?.(false);
  }
}

function unchanged({ origin }: Config): string {
  return origin === 'environment'
    ? 'the configuration comes from the environment, which stays as it is until this process is started anew'
    : 'the configuration was loaded anew, and is as it was';
}

/** Gives the way to wait for the next wake; one that came while nobody waited counts. */
function latch(listen: (wake: () => void) => void): () => Promise<void> {
  let woken = false;
  let release: (() => void) | undefined;
  listen(() => {
    woken = true;
    release?.();
  });
  return async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
      if (woken) resolve();
    });
    woken = false;
  };
}
