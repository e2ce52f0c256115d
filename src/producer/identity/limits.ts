import { isIPv6 } from 'node:net';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { BackupDataError } from '../../shared/errors.ts';
import { limitPrefix } from '../../shared/queues/names.ts';

/** How often within so many seconds. */
const wrongTokens = { points: 10, duration: 60 };
const requests = { points: 1_000, duration: 10 };
/** Milliseconds that Redis has to count. */
const patience = 300;
/** Jobs that one token may follow at once. */
const mostFollowed = 50;

export interface Limits {
  /**
   * Counts a wrong token of an address. RATE_LIMITED after ten in a minute; `onFirst` is called for the first that is refused so,
   * and not again until they count anew.
   */
  countWrongToken(address: string, onFirst?: () => void): Promise<void>;
  /** Counts a request of a token. RATE_LIMITED after a thousand in ten seconds. */
  countRequest(name: string): Promise<void>;
  /** Notes that a token follows one job more, until what it gives is called. RATE_LIMITED for more than fifty at once. */
  beginToFollow(name: string): () => void;
}

/** Shared by every producer through Redis; while that is away, each counts for itself. */
export function createLimits({ redis, installation }: { redis: Redis; installation: string }): Limits {
  const limiter = (what: string, rate: { points: number; duration: number }): Limiter => {
    const here = new RateLimiterMemory(rate);
    const shared = new RateLimiterRedis({
      ...rate,
      storeClient: redis,
      keyPrefix: limitPrefix(installation, what),
      rejectIfRedisNotReady: true,
      insuranceLimiter: here,
    });
    return { shared, here };
  };
  const tokens = limiter('token', wrongTokens);
  const asked = limiter('request', requests);
  return {
    countWrongToken: (address, onFirst) =>
      consume(tokens, networkOf(address), { what: 'wrong tokens came from this address', onFirst }),
    beginToFollow: createCounter(),
    countRequest: (name) => consume(asked, name, { what: `requests came with the token ${name}` }),
  };
}

/** In this process: each holds a connection of its own. */
function createCounter(): Limits['beginToFollow'] {
  const following = new Map<string, number>();
  const change = (name: string, by: number): number => {
    const count = (following.get(name) ?? 0) + by;
    if (count === 0) following.delete(name);
    else following.set(name, count);
    return count;
  };
  return (name) => {
    if (change(name, 1) <= mostFollowed) return () => void change(name, -1);
    change(name, -1);
    throw new BackupDataError('RATE_LIMITED', `the token ${name} follows ${mostFollowed} jobs already`, {
      hint: 'Stop following one, or ask for the job itself now and then.',
      retryAfter: 5,
    });
  };
}

interface Limiter {
  shared: RateLimiterRedis;
  /** Of this process, for while Redis is away or does not answer. */
  here: RateLimiterMemory;
}

async function consume(
  { shared, here }: Limiter,
  key: string,
  { what, onFirst }: { what: string; onFirst?: (() => void) | undefined },
): Promise<void> {
  try {
    await inTime(shared.consume(key), () => here.consume(key));
  } catch (thrown) {
    if (!(thrown instanceof RateLimiterRes)) throw thrown;
    if (thrown.consumedPoints === shared.points + 1) onFirst?.();
    const retryAfter = Math.max(1, Math.ceil(thrown.msBeforeNext / 1_000));
    throw new BackupDataError('RATE_LIMITED', `too many ${what}`, {
      hint: `Wait ${retryAfter} s, then try again.`,
      retryAfter,
    });
  }
}

/** A Redis that hangs must not keep a request waiting that needs nothing of it. */
async function inTime<T>(work: Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  const { promise: tooLong, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), patience);
  // It fails later, when nobody waits for it any more.
  work.catch(() => undefined);
  try {
    return (await Promise.race([work, tooLong])) ?? (await otherwise());
  } finally {
    clearTimeout(timer);
  }
}

/** Whoever has an IPv6 address has all of its /64; an IPv4 address is itself, however it is written. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  const whole = [...groups, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
