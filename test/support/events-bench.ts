import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { createResources } from '../../src/pipeline/resources.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { type Client, createClient } from '../../src/producer/client/client.ts';
import type { Loaded } from '../../src/producer/current.ts';
import { type Events, startEvents } from '../../src/producer/events/events.ts';
import type { Freshness } from '../../src/producer/freshness/freshness.ts';
import { createKnownDatabases } from '../../src/producer/freshness/known-databases.ts';
import { startFreshness } from '../../src/producer/freshness/start.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { createMetrics } from '../../src/shared/metrics.ts';
import type { RunEvent } from '../../src/shared/queues/run-event.ts';
import { Secret } from '../../src/shared/secret.ts';
import { startWorkerService } from '../../src/worker/service.ts';
import { withFolder } from './folder.ts';
import { quickQueue } from './installation.ts';
import { createMemoryLogger } from './memory-logger.ts';
import { openProducerRedis } from './producer-redis.ts';
import { sharedRedis } from './redis.ts';
import { until } from './until.ts';

/** What a producer of this bench tells of, in this process. */
export interface Producer {
  freshness: Freshness;
  events: Events;
  /** What it logged. */
  lines: readonly string[];
  close(): Promise<void>;
}

/** Producers and a worker in this process, on a real Redis and a real storage; a database is a file that `cat` dumps. */
export interface EventsBench {
  folder: string;
  storage: Storage;
  redis: Redis;
  prefix: string;
  client: Client;
  loaded: Loaded;
  /** What was told, once for each id, as an outbox has it. */
  told(): RunEvent[];
  kinds(): string[];
  produce(options?: { later?: number; tell?: (event: RunEvent) => Promise<void> }): Promise<Producer>;
  hire(): Promise<{ close(): Promise<void> }>;
  /** Takes the jobs of a queue in the place of a worker: each ends as `end` does. */
  stand(queue: 'backups' | 'maintenance', end: (job: Job) => unknown): Promise<void>;
  /** Makes a database one that can be dumped, or not. */
  mend(database: string): Promise<void>;
  damage(database: string): Promise<void>;
  /** Asks for a run and waits for its end. */
  run(database: string): Promise<Job>;
  ended(queue: 'backups' | 'maintenance', jobId: string): Promise<Job>;
}

export interface BenchOptions {
  databases: Record<string, Record<string, unknown>>;
  /** More of the configuration. */
  more?: Record<string, unknown>;
  redisUrl?: string;
  /** Of a directory; `storage` of the bench is `main`. */
  storages?: Record<string, unknown>;
}

let count = 0;

export function withEvents(options: BenchOptions, use: (bench: EventsBench) => Promise<void>): Promise<void> {
  count += 1;
  const installation = `events-${process.pid}-${count}`;
  return withFolder((folder) =>
    withReleases(async (releases) => {
      const server =
        options.redisUrl === undefined
          ? await sharedRedis()
          : { url: options.redisUrl, stop: () => undefined };
      releases.push(server.stop);
      const redisUrl = new Secret(server.url);
      const connect = () => openProducerRedis(server.url, releases);
      const config = await configure(folder, installation, options);
      const tools = createTools({ path: process.env.PATH ?? '', only: undefined });
      const loaded = { config, resources: createResources({ config, tools }) };
      const redis = connect();
      const client = createClient({ config: () => config, redis, clock: () => new Date() });
      releases.push(client.close);
      const told = new Map<string, RunEvent>();
      const remember = async (event: RunEvent): Promise<void> => {
        if (!told.has(event.id)) told.set(event.id, event);
      };
      const ended: EventsBench['ended'] = async (queue, jobId) => {
        const name = client.queue(queue, 'default');
        await until(
          `${jobId} ended`,
          async () => (await name.getJob(jobId))?.finishedOn !== undefined,
          30_000,
        );
        const job = await name.getJob(jobId);
        if (!job) throw new Error(`${jobId} is gone`);
        return job;
      };
      await use({
        folder,
        redis,
        client,
        loaded,
        prefix: `{backupdata:${installation}}`,
        storage: await openStorage({ name: 'main', config: { type: 'local', path: join(folder, 'main') } }),
        told: () => [...told.values()],
        kinds: () => [...told.values()].map(({ kind }) => kind),
        produce: async ({ later = 0, tell = remember } = {}) => {
          const clock = (): Date => new Date(Date.now() + later);
          const logger = createMemoryLogger();
          const own = connect();
          const known = createKnownDatabases({ redis: own, installation });
          const current = (): Loaded => loaded;
          const freshness = startFreshness({ current, logger, clock, known });
          const events = startEvents({
            current,
            redis: own,
            freshness,
            known,
            tell,
            logger,
            clock,
            interval: 50,
          });
          const close = async (): Promise<void> => {
            await events.close();
            await freshness.close();
            own.disconnect();
          };
          releases.push(close);
          return { freshness, events, lines: logger.lines, close };
        },
        hire: async () => {
          const logger = createMemoryLogger();
          const toolEnvironment = { path: process.env.PATH ?? '', home: folder };
          const worker = startWorkerService({
            config,
            redisUrl,
            logger,
            toolEnvironment,
            pools: () => ['default'],
            concurrency: 2,
            metrics: createMetrics(),
          });
          releases.push(worker.close);
          await worker.ready;
          return worker;
        },
        stand: async (queue, end) => {
          const own = connect();
          const worker = new Worker(queue, async (job) => end(job), {
            connection: own,
            prefix: `{backupdata:${installation}}`,
            settings: { backoffStrategy: () => 10 },
          });
          worker.on('error', () => undefined);
          releases.push(() => worker.close());
          await worker.waitUntilReady();
        },
        mend: (name) => writeFile(join(folder, name), `the data of ${name}\n`.repeat(100)),
        damage: (name) => rm(join(folder, name), { force: true }),
        run: async (name) => {
          const database = config.databases.get(name);
          if (!database) throw new Error(`there is no database ${name}`);
          return ended('backups', (await client.backup(database)).jobId);
        },
        ended,
      });
    }),
  );
}

/** Waits until all that a queue told so far was read by a producer, and that is known to Redis. */
export async function readAll(
  { redis, prefix }: Pick<EventsBench, 'redis' | 'prefix'>,
  queue: 'backups' | 'maintenance',
): Promise<void> {
  const [newest] = await redis.xrevrange(`${prefix}:${queue}:events`, '+', '-', 'COUNT', 1);
  const read = () => redis.hget(`${prefix}:events-read`, queue);
  await until(`${queue} was read`, async () => (await read()) === (newest?.[0] ?? '0-0'));
}

async function configure(folder: string, installation: string, options: BenchOptions) {
  const { databases, more = {}, storages = {} } = options;
  await mkdir(join(folder, 'main'), { recursive: true });
  const written = {
    installation,
    storages: { main: { type: 'local', path: join(folder, 'main') }, ...storages },
    queue: { ...quickQueue, attempts: 2, backoff: { initial: 10, max: 10 } },
    databases: Object.fromEntries(
      Object.entries(databases).map(([name, settings]) => [
        name,
        { engine: 'command', dump: ['cat', join(folder, name)], storage: 'main', ...settings },
      ]),
    ),
    ...more,
  };
  // JSON is YAML too.
  await writeFile(join(folder, 'backupdata.yaml'), JSON.stringify(written, null, 2));
  return loadConfig({ file: undefined, env: {}, cwd: folder });
}
