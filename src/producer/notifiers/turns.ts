import type { Redis } from 'ioredis';
import { redisPrefix } from '../../shared/queues/names.ts';
import type { Payload } from '../../shared/queues/payloads.ts';

/** Of one notifier and one database, events are told one at a time, and none after one that happened later. */
export interface Turns {
  /** `busy`: another is being told; ask again. `outdated`: a later one was. Throws what `tell` throws. No two have one `owner`. */
  take(
    of: Payload<'notify'>,
    by: { owner: string; tell: () => Promise<void> },
  ): Promise<'told' | 'busy' | 'outdated'>;
}

/** Milliseconds after which a producer that tells is taken for dead: longer than it may take to tell. */
const longest = 30_000;
/** Milliseconds for which it is known what was told last: longer than an event is tried to be told. */
const kept = 7 * 86_400_000;

const releaseIfOurs = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

export function createTurns({ redis, installation }: { redis: Redis; installation: string }): Turns {
  return {
    take: async ({ notifier, event: { database, at } }, { owner, tell }) => {
      // No name has a slash in it.
      const place = `${redisPrefix(installation)}:told:${notifier}/${database}`;
      const turn = `${place}/turn`;
      if ((await redis.set(turn, owner, 'PX', longest, 'NX')) === null) return 'busy';
      try {
        const last = await redis.get(place);
        if (last !== null && Number(last) > Date.parse(at)) return 'outdated';
        await tell();
        await redis.set(place, Date.parse(at), 'PX', kept);
        return 'told';
      } finally {
        await redis.eval(releaseIfOurs, 1, turn, owner);
      }
    },
  };
}
