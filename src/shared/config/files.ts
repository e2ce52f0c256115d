import { stat } from 'node:fs/promises';
import { type LoadOptions, loadConfig } from './load.ts';
import { codeOf, readLimited } from './read-file.ts';
import type { Config } from './schema.ts';

/** The configuration of a process, and the files that it is made of. */
export interface ConfigFiles {
  /**
   * Loads it, each time anew. Where a file was read once, the environment does not take its place while it is away. Throws
   * CONFIG_INVALID.
   */
  load(): Promise<Config>;
  /**
   * Resolves once a file that the last load read, or tried to, is another one than it was then, and is not being written any more.
   * Never where the environment alone was read. Rejects when aborted.
   */
  changed(options: Waiting): Promise<void>;
}

interface Waiting {
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  signal: AbortSignal;
}

/** Milliseconds between looks. Notices of the system are not relied on: mounted folders give none. */
const interval = 5_000;
/** Milliseconds for which a file must be the same: half of one may be valid too, and lack databases. */
const rest = 1_000;

export function createConfigFiles(options: LoadOptions): ConfigFiles {
  const { readFile = readLimited } = options;
  let stamps = new Map<string, string>();
  let fromFile = false;
  return {
    load: async () => {
      const seen = new Map<string, string>();
      stamps = seen;
      const config = await loadConfig({
        ...options,
        fromFile,
        readFile: async (path, limit) => {
          // Before it is read: a change that comes in between is seen later, once too often and not never.
          seen.set(path, await stampOf(path));
          return readFile(path, limit);
        },
      });
      fromFile = config.origin !== 'environment';
      return config;
    },
    changed: async ({ wait, signal }) => {
      const paths = [...stamps.keys()];
      const known = [...stamps.values()].join('\n');
      let now = known;
      while (now === known) {
        await wait(interval, signal);
        if (fromFile) now = await stampsOf(paths);
      }
      for (let before = ''; before !== now; now = await stampsOf(paths)) {
        before = now;
        await wait(rest, signal);
      }
    },
  };
}

async function stampsOf(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map(stampOf))).join('\n');
}

/** Of the file behind every link. A pipe gives what it holds once, so that there is no use in reading it again. */
async function stampOf(path: string): Promise<string> {
  try {
    const found = await stat(path, { bigint: true });
    const { dev, ino, size, mtimeNs, ctimeNs } = found;
    return found.isFile() ? [dev, ino, size, mtimeNs, ctimeNs].join(' ') : 'no file';
  } catch (error) {
    return codeOf(error);
  }
}
