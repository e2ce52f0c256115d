import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { ManifestCache, ManifestVersion } from '../pipeline/catalog/manifest-cache.ts';
import { manifestCacheKey } from '../shared/queues/names.ts';
import type { Secret } from '../shared/secret.ts';

/** Milliseconds that one answer may take, and the connection: reading the storage is the better way then. */
const patience = 300;
/** Seconds. */
const lifetime = 30 * 24 * 60 * 60;
/** Bytes of a file that is kept: the memory of this Redis is for jobs. */
const largestFile = 64 * 1024;

export interface RedisManifestCache extends ManifestCache {
  close(): void;
}

/**
 * Manifests in the Redis of the queues. Connects when it is first asked for something; a Redis that is away, slow or
 * full is not asked again, and nobody is told.
 */
export function createManifestCache(options: { redisUrl: Secret; installation: string }): RedisManifestCache {
  const { ask, close } = openConnection(options.redisUrl);
  return { ...cacheBy(ask, options.installation), close };
}

/** The same, by a connection that others use too, for as long as that lasts: each time that it fails the storage is read. */
export function manifestCacheIn(options: { redis: Redis; installation: string }): ManifestCache {
  const ask: Ask = (command) => inTime(command(options.redis)).catch(() => undefined);
  return cacheBy(ask, options.installation);
}

/** Undefined where Redis does not answer. */
type Ask = <T>(command: (redis: Redis) => Promise<T>) => Promise<T | undefined>;

function cacheBy(ask: Ask, installation: string): ManifestCache {
  const keyOf = (version: ManifestVersion): string => manifestCacheKey(installation, idOf(version));
  return {
    read: async (versions) => {
      const files = await ask((redis) => redis.mgetBuffer(versions.map(keyOf)));
      return versions.map((_version, index) => files?.[index] ?? undefined);
    },
    write: async (files) => {
      await ask((redis) => {
        const writing = redis.pipeline();
        for (const { file, ...version } of files) {
          if (file.length <= largestFile) writing.set(keyOf(version), Buffer.from(file), 'EX', lifetime);
        }
        return writing.exec();
      });
    },
  };
}

/** No name reaches Redis, and equal names in two storages stay apart. */
function idOf({ storage, key, version }: ManifestVersion): string {
  return createHash('sha256')
    .update(JSON.stringify([storage, key, version]))
    .digest('hex');
}

function openConnection(url: Secret): { ask: Ask; close: () => void } {
  let opened: Promise<Redis> | undefined;
  let redis: Redis | undefined;
  let gaveUp = false;
  const close = (): void => {
    gaveUp = true;
    redis?.disconnect();
  };
  const connect = async (): Promise<Redis> => {
    // Not at the start: a listing of a storage that tells no versions never asks.
    const { connectRedis } = await import('../shared/redis.ts');
    redis = connectRedis({ url, role: 'cache', onError: () => undefined });
    const connection = redis;
    return inTime(connection.connect().then(() => connection));
  };
  const ask: Ask = async (command) => {
    if (gaveUp) return undefined;
    opened ??= connect();
    try {
      const connection = await opened;
      return await inTime(command(connection));
    } catch {
      close();
      return undefined;
    }
  };
  return { ask, close };
}

/** Rejects when it takes longer than the patience that there is. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise: tooLong, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('no answer in time')), patience);
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
