import type { Redis } from 'ioredis';
import { z } from 'zod';
import { redisPrefix } from '../../shared/queues/names.ts';

const schema = z.object({
  /** Milliseconds since 1970 at which the server was asked. */
  at: z.number(),
  /** Names of databases, as in the configuration. */
  names: z.array(z.string()),
});

/** What a server had when it was last asked. */
export interface FoundDatabases {
  at: Date;
  names: ReadonlySet<string>;
}

/**
 * Which databases servers had, kept in Redis and in memory. Without it a database that left its server cannot be told from one
 * that is not backed up any more.
 */
export interface KnownDatabases {
  /** Undefined where nobody knows. */
  found(server: string): FoundDatabases | undefined;
  /** Takes what a newer look found; Redis is told of it. */
  remember(server: string, found: { at: Date; names: readonly string[] }): Promise<void>;
  /** Reads what other producers know; a Redis that lost everything is told again what this one does. */
  load(): Promise<void>;
}

export function createKnownDatabases(options: { redis: Redis; installation: string }): KnownDatabases {
  const { redis, installation } = options;
  const key = `${redisPrefix(installation)}:known-databases`;
  const servers = new Map<string, FoundDatabases>();
  const take = (server: string, { at, names }: { at: Date; names: readonly string[] }): void => {
    const known = servers.get(server);
    if (!known || known.at < at) servers.set(server, { at, names: new Set(names) });
  };
  return {
    found: (server) => servers.get(server),
    remember: async (server, { at, names }) => {
      const known = servers.get(server);
      if (known && known.at > at) return;
      await redis.hset(key, server, textOf({ at, names }));
      take(server, { at, names });
    },
    load: async () => {
      const all = await redis.hgetall(key);
      for (const [server, text] of Object.entries(all)) {
        const stored = parse(text);
        if (stored) take(server, { at: new Date(stored.at), names: stored.names });
      }
      for (const [server, { at, names }] of servers)
        if (!Object.hasOwn(all, server)) await redis.hsetnx(key, server, textOf({ at, names: [...names] }));
    },
  };
}

function textOf({ at, names }: { at: Date; names: readonly string[] }): string {
  return JSON.stringify({ at: at.getTime(), names });
}

function parse(text: string): z.output<typeof schema> | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
