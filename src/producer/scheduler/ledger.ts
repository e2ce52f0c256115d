import type { Redis } from 'ioredis';
import { ledgerKeys } from '../../shared/queues/names.ts';

/** What is recorded of the slots of one schedule. */
export interface Account {
  /** The newest slot that was seen to: run, merged, missed or let pass while it was paused. Undefined where none was yet. */
  seenTo: Date | undefined;
  /** Slots that no run of their own was made for. */
  missed: number;
  /** By whom and when it was paused; undefined while it is not. */
  paused: Pause | undefined;
}

export interface Pause {
  by: string;
  /** RFC 3339 UTC. */
  at: string;
}

/** Who sees to a slot records it here, so that it is counted once, and no producer sees to it again. It is lost with Redis. */
export interface Ledger {
  read(name: string): Promise<Account>;
  /** By name; those of which anything is recorded. */
  readAll(): Promise<ReadonlyMap<string, Account>>;
  /** How many slots had no run of their own, by name. */
  missedSlots(): Promise<ReadonlyMap<string, number>>;
  /** Another one after Redis lost everything. */
  generation(): Promise<string>;
  /**
   * Records that the slots up to `to` are seen to. False, and nothing is recorded, where another producer did that since, or
   * where Redis has lost since then what was of that generation, the run that was enqueued too.
   */
  advance(
    name: string,
    step: { from: Date | undefined; to: Date; missed: number; generation?: string | undefined },
  ): Promise<boolean>;
  pause(name: string, pause: Pause): Promise<void>;
  /** Whether it was paused. */
  resume(name: string): Promise<boolean>;
}

/** Two producers may see to the same slot; the one that records it counts what was missed. */
const advanceIfFrom = `
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[5] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[5] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] ~= '0' then redis.call('HINCRBY', KEYS[2], ARGV[1], ARGV[4]) end
return 1`;

const currentGeneration = `
local known = redis.call('GET', KEYS[1])
if known then return known end
local now = redis.call('TIME')
local new = now[1] .. '-' .. now[2]
redis.call('SET', KEYS[1], new)
return new`;

export function createLedger({ redis, installation }: { redis: Redis; installation: string }): Ledger {
  const keys = ledgerKeys(installation);
  return {
    read: async (name) => {
      const [seenTo, missed, paused] = await Promise.all([
        redis.hget(keys.seenTo, name),
        redis.hget(keys.missed, name),
        redis.hget(keys.paused, name),
      ]);
      return accountOf({ seenTo, missed, paused });
    },
    readAll: async () => {
      const [seenTo, missed, paused] = await Promise.all([
        redis.hgetall(keys.seenTo),
        redis.hgetall(keys.missed),
        redis.hgetall(keys.paused),
      ]);
      const names = new Set([seenTo, missed, paused].flatMap((each) => Object.keys(each)));
      return new Map(
        [...names].map((name) => [
          name,
          accountOf({ seenTo: seenTo[name], missed: missed[name], paused: paused[name] }),
        ]),
      );
    },
    missedSlots: async () =>
      new Map(Object.entries(await redis.hgetall(keys.missed)).map(([name, count]) => [name, Number(count)])),
    generation: async () => String(await redis.eval(currentGeneration, 1, keys.generation)),
    advance: async (name, { from, to, missed, generation = '' }) => {
      const step = [name, from?.getTime() ?? '', to.getTime(), missed, generation];
      const { seenTo, missed: counts, generation: current } = keys;
      return (await redis.eval(advanceIfFrom, 3, seenTo, counts, current, ...step)) === 1;
    },
    pause: async (name, pause) => {
      await redis.hset(keys.paused, name, JSON.stringify(pause));
    },
    resume: async (name) => (await redis.hdel(keys.paused, name)) === 1,
  };
}

type Stored = string | null | undefined;

function accountOf({ seenTo, missed, paused }: Record<keyof Account, Stored>): Account {
  return {
    seenTo: seenTo ? new Date(Number(seenTo)) : undefined,
    missed: Number(missed ?? 0),
    paused: paused ? (JSON.parse(paused) as Pause) : undefined,
  };
}
