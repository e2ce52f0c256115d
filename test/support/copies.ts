import { rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { type ConfigChanges, type Installation, withInstallation } from './installation.ts';
import { query } from './postgres.ts';

export interface ShownCopy {
  storage: string;
  state: string;
  verification: string | null;
  error?: { code: string; message: string };
  progress?: { phase: string; bytes: number };
}

/** An installation with the storages `main`, `offsite` and `far`, and a small database `shop` in `main`. */
export interface Copies extends Installation {
  /** The database on the server. */
  source: string;
  storage(name: string): Promise<Storage>;
  /** The root of a storage. */
  pathOf(name: string): string;
  /** Puts a link to itself where the storage's root should be. */
  takeAway(name: string): Promise<void>;
  bringBack(name: string): Promise<void>;
  /** Configures the copies of `shop`, and whatever else the case needs. */
  copyTo(copies: readonly unknown[], changes?: Partial<ConfigChanges>, shop?: object): Promise<void>;
  /** Backs `shop` up, and gives the id. A worker must run. */
  backup(): Promise<string>;
  /** What `show` tells of the copies. */
  shown(backupId: string, ...args: string[]): Promise<ShownCopy[]>;
}

export function withCopies(
  use: (copies: Copies) => Promise<void>,
  options: { redisUrl?: string } = {},
): Promise<void> {
  return withInstallation(async (installation) => {
    const { postgres, path, backups, configure, run } = installation;
    const source = await postgres.createDatabase();
    await query(
      postgres.url(source),
      'CREATE TABLE item AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 2000) i',
    );
    const pathOf = (name: string): string => (name === 'main' ? backups : join(path, name));
    const storages = Object.fromEntries(
      ['main', 'offsite', 'far'].map((name) => [name, { type: 'local', path: pathOf(name) }]),
    );
    await use({
      ...installation,
      source,
      pathOf,
      storage: (name) => openStorage({ name, config: { type: 'local', path: pathOf(name) } }),
      takeAway: async (name) => {
        await rename(pathOf(name), `${pathOf(name)}.away`).catch(() => undefined);
        await symlink(basename(pathOf(name)), pathOf(name));
      },
      bringBack: async (name) => {
        await rm(pathOf(name));
        await rename(`${pathOf(name)}.away`, pathOf(name)).catch(() => undefined);
      },
      copyTo: (copies, changes = {}, shop = {}) =>
        configure({
          storages,
          databases: {
            shop: { engine: 'postgres', url: postgres.url(source), storage: 'main', copies, ...shop },
          },
          ...changes,
        }),
      backup: async () => {
        const { stdout, stderr } = await run('backup', 'shop', '--json');
        const [made] = (JSON.parse(stdout) as { runs: { backupId: string; outcome: string }[] }).runs;
        if (made?.outcome !== 'committed') throw new Error(stderr);
        return made.backupId;
      },
      shown: async (backupId, ...args) => {
        const { stdout, stderr } = await run('show', backupId, '--json', ...args);
        if (stdout === '') throw new Error(stderr);
        return (JSON.parse(stdout) as { copies: ShownCopy[] }).copies;
      },
    });
  }, options);
}
