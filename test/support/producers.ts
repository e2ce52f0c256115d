import type { Queue } from 'bullmq';
import type { Resources } from '../../src/pipeline/resources.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { type Client, createClient } from '../../src/producer/client/client.ts';
import { createLedger, type Ledger } from '../../src/producer/scheduler/ledger.ts';
import { type Scheduler, startScheduler } from '../../src/producer/scheduler/scheduler.ts';
import type { Config, DatabaseConfig } from '../../src/shared/config/schema.ts';
import { newBackupId } from '../../src/shared/ids.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { schedulesQueue } from '../../src/shared/queues/names.ts';
import { openQueue } from '../../src/shared/queues/queue.ts';
import { sampleConfig, sampleDatabase } from './database.ts';
import { withFolder } from './folder.ts';
import { quickQueue } from './installation.ts';
import { createMemoryLogger } from './memory-logger.ts';
import { openProducerRedis } from './producer-redis.ts';
import { sharedRedis } from './redis.ts';

/** The schedulers of several producers on one Redis, which all have the time that the test says. */
export interface Producers {
  /** With a connection of its own; closed afterwards. Its configuration is what `config` gives at that moment. */
  start(config: () => Config): Scheduler;
  configOf(...databases: DatabaseConfig[]): Config;
  /** From then on it is that time for all of them. BullMQ has the real one. */
  setClock(now: Date): void;
  /** The definition that Redis holds of each schedule. */
  definitions(): Promise<Record<string, string>>;
  /** Ids of the jobs that are there, in any state. */
  jobs(queue?: 'backups' | 'maintenance'): Promise<string[]>;
  /** Another storage than `main`, in the place of what a producer would open. */
  setStorage(name: string, open: () => Promise<Storage>): void;
  queue: Queue;
  client: Client;
  ledger: Ledger;
  storage: Storage;
  missed: { database: string; slots: number; latest: Date }[];
  lines: readonly string[];
}

let count = 0;

export function withProducers(use: (producers: Producers) => Promise<void>): Promise<void> {
  count += 1;
  const installation = `producers-${process.pid}-${count}`;
  return withFolder((path) =>
    withReleases(async (releases) => {
      const server = await sharedRedis();
      releases.push(server.stop);
      const connect = () => openProducerRedis(server.url, releases);
      let now = new Date();
      const clock = (): Date => now;
      const queueConfig = { attempts: 6, maxStalledCount: 2, ...quickQueue };
      const configOf = (...databases: DatabaseConfig[]) =>
        sampleConfig({ installation, databases, queue: queueConfig });
      const redis = connect();
      const client = createClient({ config: () => configOf(sampleDatabase()), redis, clock });
      releases.push(client.close);
      const queue = openQueue(schedulesQueue, { redis, installation });
      releases.push(() => queue.close());
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const storages = new Map([['main', async () => storage]]);
      const resources = {
        storage: (name: string) => (storages.get(name) ?? (() => Promise.reject(new Error(name))))(),
      } as unknown as Resources;
      const logger = createMemoryLogger();
      const missed: Producers['missed'] = [];
      const onMissed = async (each: (typeof missed)[number]): Promise<void> => void missed.push(each);
      await use({
        ...{ configOf, queue, client, storage, missed, lines: logger.lines },
        ledger: createLedger({ redis, installation }),
        setClock: (next) => {
          now = next;
        },
        setStorage: (name, open) => storages.set(name, open),
        definitions: async () =>
          Object.fromEntries(
            (await queue.getJobSchedulers()).map(({ key, pattern, tz }) => [key, `${pattern} ${tz}`]),
          ),
        jobs: async (name = 'backups') => {
          const jobs = await client.queue(name, 'default').getJobs();
          return jobs.map(({ id }) => id ?? '').sort();
        },
        start: (config) => {
          const current = () => ({ config: config(), resources });
          const own = connect();
          const options = { current, redis: own, client, logger, clock, random: Math.random, onMissed };
          const scheduler = startScheduler(options);
          releases.push(scheduler.close);
          return scheduler;
        },
      });
    }),
  );
}

/** The run of a slot of `shop`. */
export function runAt(slot: Date, database = 'shop'): string {
  return newBackupId({ database, at: slot, slot });
}

/** Two hourly schedules half an hour apart, neither of which has a slot by the real clock while a test runs; `at(0)` is one of the first. */
export function scene(): { old: string; changed: string; at: (minutes: number, seconds?: number) => Date } {
  const minute = (new Date().getUTCMinutes() + 15) % 60;
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  return {
    old: `${minute} * * * *`,
    changed: `${(minute + 30) % 60} * * * *`,
    at: (minutes, seconds = 0) => new Date(hour + (minute + minutes) * 60_000 + seconds * 1_000),
  };
}
