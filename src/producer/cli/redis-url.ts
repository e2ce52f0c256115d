import { BackupDataError } from '../../shared/errors.ts';
import { Secret } from '../../shared/secret.ts';
import { readUpFile } from '../up-file.ts';
import type { CliContext } from './context.ts';

/** REDIS_URL, or the Redis of a running `backupdata up` with the same data directory. */
export async function findRedisUrl(context: CliContext): Promise<Secret> {
  const { redisUrl, dataDir } = await context.environment();
  if (redisUrl) return redisUrl;
  const running = await readUpFile(dataDir);
  if (running) return new Secret(running.redisUrl);
  throw new BackupDataError(
    'REDIS_UNAVAILABLE',
    `REDIS_URL is not set, and no \`backupdata up\` runs with the data directory ${dataDir}`,
    {
      hint: 'Start `backupdata up` in another terminal, or set REDIS_URL. With --here, restore, verify and copy need no Redis.',
    },
  );
}
