import type { Redis } from 'ioredis';
import { BackupDataError } from '../shared/errors.ts';

const renewIfOurs = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`;
const releaseIfOurs = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/** The right to dump one database, held by one attempt of the whole fleet. */
export interface Lease {
  /** False when it expired and may be another's. */
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Waits until no other attempt holds the key: one whose worker died keeps it for `duration` milliseconds. After twice
 * that the holder is alive, and LEASE_BUSY is thrown.
 */
export async function acquireLease(options: {
  redis: Redis;
  key: string;
  owner: string;
  duration: number;
  signal: AbortSignal;
  clock: () => Date;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}): Promise<Lease> {
  const { redis, key, owner, duration, signal, clock, wait } = options;
  const giveUp = clock().getTime() + 2 * duration;
  while ((await redis.set(key, owner, 'PX', duration, 'NX')) !== 'OK') {
    if (clock().getTime() >= giveUp) throw busy(key, await redis.get(key));
    await wait(Math.min(1_000, duration / 4), signal);
  }
  return {
    renew: async () => (await redis.eval(renewIfOurs, 1, key, owner, duration)) === 1,
    release: async () => {
      await redis.eval(releaseIfOurs, 1, key, owner);
    },
  };
}

function busy(key: string, holder: string | null): BackupDataError {
  return new BackupDataError('LEASE_BUSY', `another attempt (${holder ?? 'unknown'}) holds ${key}`, {
    hint: 'It is tried again; `backupdata jobs list` shows what runs.',
  });
}
