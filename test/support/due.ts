import { mock } from 'node:test';
import { createLedger, type Ledger } from '../../src/producer/scheduler/ledger.ts';
import { reconcile } from '../../src/producer/scheduler/reconcile.ts';
import { schedulesOf } from '../../src/producer/scheduler/schedules.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import { latestSlot } from '../../src/shared/cron.ts';
import { schedulesQueue } from '../../src/shared/queues/names.ts';
import { openQueue } from '../../src/shared/queues/queue.ts';
import { connectRedis } from '../../src/shared/redis.ts';
import { Secret } from '../../src/shared/secret.ts';
import type { Installation } from './installation.ts';

const hour = 3_600_000;

/** Every hour, and half an hour from now in either direction: no slot comes by itself while a test runs. */
export function hourly(now = new Date()): { schedule: string; due: Date } {
  const schedule = `${(now.getUTCMinutes() + 30) % 60} * * * *`;
  const due = latestSlot({ pattern: schedule, tz: 'UTC' }, now);
  if (!due) throw new Error(`${schedule} had no slot yet`);
  return { schedule, due };
}

/** What Redis holds of the schedules of an installation. */
export interface Schedules {
  ledger: Ledger;
  /** Schedulers, and their ticks that wait for a time to come. */
  count(): Promise<{ schedulers: number; ahead: number }>;
}

/**
 * Opens the schedules of an installation, all of them as `hourly` gives them. `leaveDue` writes what Redis holds after an
 * outage of so many slots: what a producer wrote of them just before the first. Its clock was another one, so the time is
 * given to BullMQ by a mock; it is the only one who is told a wrong time, and only while that is written.
 */
export async function withSchedules(
  { env, path }: Installation,
  use: (schedules: Schedules & { leaveDue(slots?: number): Promise<void> }) => Promise<void>,
): Promise<void> {
  const config = await loadConfig({ file: undefined, env, cwd: path });
  const { installation } = config;
  const redis = connectRedis({
    url: new Secret(env.REDIS_URL ?? ''),
    role: 'worker',
    onError: () => undefined,
  });
  await redis.connect();
  const queue = openQueue(schedulesQueue, { redis, installation });
  const ledger = createLedger({ redis, installation });
  try {
    await use({
      ledger,
      count: async () => ({
        schedulers: await queue.getJobSchedulersCount(),
        ahead: (await queue.getDelayed()).filter(({ opts }) => (opts.prevMillis ?? 0) > Date.now()).length,
      }),
      leaveDue: async (slots = 1) => {
        const { due } = hourly();
        const before = new Date(due.getTime() - slots * hour);
        mock.timers.enable({ apis: ['Date'], now: before.getTime() + 1_000 });
        try {
          const beforeChange = async (): Promise<void> => undefined;
          await reconcile({ queue, wanted: schedulesOf(config), beforeChange });
        } finally {
          mock.timers.reset();
        }
        for (const name of config.databases.keys())
          await ledger.advance(name, { from: undefined, to: before, missed: 0 });
      },
    });
  } finally {
    await queue.close();
    redis.disconnect();
  }
}
