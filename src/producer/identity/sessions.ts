import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { TokenConfig } from '../../shared/config/access-schema.ts';
import { sessionKey } from '../../shared/queues/names.ts';
import { inRedis } from '../../shared/redis.ts';
import type { Sessions } from './access.ts';
import { principalOf } from './principal.ts';

/** Seconds, whatever happens in it. */
const lifetime = 12 * 60 * 60;

const stored = z.object({ name: z.string(), sha256: z.string() });

/**
 * Sessions in Redis, so that every producer knows them. Only the hash of an id is there: who reads Redis cannot use a session. One
 * ends with its token.
 */
export function createSessions(options: {
  redis: Redis;
  installation: string;
  /** As they are now. */
  tokens: () => readonly TokenConfig[];
  clock: () => Date;
  randomBytes: (count: number) => Uint8Array;
}): Sessions {
  const { redis, installation, tokens, clock, randomBytes } = options;
  const keyOf = (id: string): string =>
    sessionKey(installation, createHash('sha256').update(id).digest('hex'));
  return {
    open: async ({ name, sha256 }) => {
      const id = Buffer.from(randomBytes(32)).toString('base64url');
      const value = JSON.stringify({ name, sha256 });
      await inRedis(redis, () => redis.set(keyOf(id), value, 'EX', lifetime));
      return { id, expiresAt: new Date(clock().getTime() + lifetime * 1_000) };
    },
    find: async (id) => {
      const text = await inRedis(redis, () => redis.get(keyOf(id)));
      const session = read(text);
      const token = tokens().find(({ name, sha256 }) => name === session?.name && sha256 === session.sha256);
      return token && principalOf(token);
    },
    close: async (id) => {
      await inRedis(redis, () => redis.del(keyOf(id)));
    },
  };
}

/** What is not what was written is no session. */
function read(text: string | null): z.output<typeof stored> | undefined {
  try {
    return stored.parse(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}
