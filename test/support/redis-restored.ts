import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Source } from '../../src/shared/config/schema.ts';
import { sourceOfUrl } from '../../src/shared/config/source-schema.ts';
import { withFolder } from './folder.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** Settings that let a backup start at once: a server otherwise waits five seconds for more replicas. */
export const quickDump = ['--repl-diskless-sync-delay', '0'];

/** Gives `use` a server of its own, whose backups start at once. */
export async function withRedisServer(
  use: (redis: TestRedis) => Promise<unknown>,
  args: readonly string[] = [],
): Promise<void> {
  const redis = await startRedis({ args: [...quickDump, ...args] });
  try {
    await use(redis);
  } finally {
    await redis.stop();
  }
}

/** Starts a server from a copy of the file, as an operator would, and stops it. */
export function withRestored<T>(path: string, use: (redis: TestRedis) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    await copyFile(path, join(folder, basename(path)));
    const redis = await startRedis({ args: ['--dir', folder, '--dbfilename', basename(path)] });
    try {
      return await use(redis);
    } finally {
      await redis.stop();
    }
  });
}

/** The source of a redis URL. */
export function redisSource(url: string): Source {
  const source = sourceOfUrl(url);
  if (source?.engine === 'redis') return source;
  throw new Error('that is no redis URL');
}
