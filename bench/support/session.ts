import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Job, Queue } from 'bullmq';
import { readManifest } from '../../src/pipeline/catalog/catalog.ts';
import { installationKey } from '../../src/pipeline/catalog/keys.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import type { Client } from '../../src/producer/client/client.ts';
import { withClient } from '../../src/producer/client/open.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import type { Config } from '../../src/shared/config/schema.ts';
import type { Manifest } from '../../src/shared/manifest.ts';
import { defaultPool } from '../../src/shared/queues/names.ts';
import { Secret } from '../../src/shared/secret.ts';
import { type Installation, type Running, withInstallation } from '../../test/support/installation.ts';
import type { Bench } from './bench.ts';
import { poll } from './poll.ts';

const run = promisify(execFile);

/** What `npm run build` made: the program as it is published. */
export const built = resolve(import.meta.dirname, '../../dist/main.js');

/** An installation with the configuration's defaults, and a client of its queues. */
export interface Session {
  /** A folder on the file system of a local storage, for what stock tools write. */
  outputs: string;
  storage: Storage;
  startWorker(concurrency?: number): Promise<Running>;
  /** Puts a backup into the queue; the job's id, which is the backup's. */
  enqueue(database: string): Promise<string>;
  /** Waits for the end of a job. Throws when an attempt failed. */
  ended(jobId: string): Promise<EndedJob>;
  /** The same for all that are in the queue; it asks for them only when the queue is empty. */
  allEnded(jobIds: readonly string[]): Promise<EndedJob[]>;
  /** Restores a backup of `database` into a new database of its server, and waits for the end. */
  restore(request: { backupId: string; database: string; into: string }): Promise<EndedJob>;
  manifest(jobId: string): Promise<Manifest>;
  /** While maintenance is held, no verification of a committed backup begins. */
  holdMaintenance(): Promise<void>;
  holdBackups(): Promise<void>;
  releaseBackups(): Promise<void>;
  /** Releases maintenance, waits until nothing is left to do, removes all backups and outputs, and writes back what is dirty. */
  settle(): Promise<void>;
}

/** Times of the worker's clock, in milliseconds since the epoch. */
export interface EndedJob {
  jobId: string;
  activeAt: number;
  endedAt: number;
}

export interface SessionOptions {
  bench: Bench;
  /** PostgreSQL URLs, or whole entries of the configuration, by name. */
  databases: Readonly<Record<string, string | Record<string, unknown>>>;
  /** The only folders where the worker looks for tools. */
  toolPath?: readonly string[];
  /** The storage, where it is not a folder of the installation. */
  storage?: object | undefined;
  /** What the configuration says for every database. */
  defaults?: Record<string, unknown>;
}

/** Gives a case an installation of its own on the bench's servers; ended and removed whatever happens. */
export async function withSession(
  { bench, databases, toolPath, storage, defaults = {} }: SessionOptions,
  use: (session: Session) => Promise<void>,
): Promise<void> {
  const entries = Object.entries(databases).map(
    ([name, source]) =>
      [name, typeof source === 'string' ? { engine: 'postgres', url: source } : source] as const,
  );
  await withInstallation(
    async (installation) => {
      const tools = toolPath === undefined ? {} : { path: toolPath };
      // An empty `queue` stands for the defaults: the short locks of tests would be measured otherwise.
      const storages = storage === undefined ? {} : { storages: { main: storage } };
      const common = { queue: {}, tools, defaults, ...storages };
      await installation.configure({ databases: Object.fromEntries(entries), ...common });
      const { path, env } = installation;
      const config = await loadConfig({ file: join(path, 'backupdata.yaml'), env });
      const options = { config, redisUrl: new Secret(bench.redisUrl) };
      await withClient(options, async ({ client }) =>
        use(await openSession({ bench, installation, config, client })),
      );
    },
    { redisUrl: bench.redisUrl, main: built },
  );
}

/** Milliseconds from the moment when a worker takes a backup until it is finished; nothing else runs meanwhile. */
export async function timeJob(session: Session, database: string): Promise<number> {
  await session.settle();
  await session.holdMaintenance();
  const { activeAt, endedAt } = await session.ended(await session.enqueue(database));
  return endedAt - activeAt;
}

interface Parts {
  bench: Bench;
  installation: Installation;
  config: Config;
  client: Client;
}

async function openSession(parts: Parts): Promise<Session> {
  const { bench, installation, config, client } = parts;
  const outputs = join(installation.path, 'outputs');
  await mkdir(outputs);
  const workers: Running[] = [];
  const startWorker = async (concurrency = bench.cores): Promise<Running> => {
    const worker = await installation.start(['worker', '--concurrency', String(concurrency)]);
    workers.push(worker);
    return worker;
  };
  const storage = await openMain(config);
  const waiting = { signal: bench.signal, requireWorkers: () => workers.forEach(requireAlive) };
  const queue = client.queue('backups', defaultPool);
  const maintenance = client.queue('maintenance', defaultPool);
  return {
    outputs,
    storage,
    startWorker,
    enqueue: (name) => enqueue(parts, name),
    ended: (jobId) => waitForEnd(queue, jobId, waiting),
    allEnded: async (jobIds) => {
      await waitUntilIdle([queue], { interval: 200, ...waiting });
      return Promise.all(jobIds.map((jobId) => waitForEnd(queue, jobId, waiting)));
    },
    restore: async (request) => {
      const jobId = await enqueueRestore(parts, request);
      return waitForEnd(client.queue('restores', defaultPool), jobId, waiting);
    },
    manifest: (backupId) => readManifest({ storage, backupId, signal: bench.signal }),
    holdMaintenance: () => maintenance.pause(),
    holdBackups: () => queue.pause(),
    releaseBackups: () => queue.resume(),
    settle: async () => {
      await maintenance.resume();
      await waitUntilIdle(client.queues, { interval: 20, ...waiting });
      await removeBackups(storage, bench.signal);
      await rm(outputs, { recursive: true, force: true });
      await mkdir(outputs);
      await run('sync', ['-f', installation.path]);
    },
  };
}

async function enqueue({ config, client }: Parts, name: string): Promise<string> {
  const database = config.databases.get(name);
  if (!database) throw new Error(`${name} is not in the configuration of this case`);
  const { jobId, as } = await client.backup(database);
  if (as !== 'new') throw new Error(`${name} was still being backed up when its next run was measured`);
  return jobId;
}

async function enqueueRestore(
  { config, client }: Parts,
  { backupId, database, into }: { backupId: string; database: string; into: string },
): Promise<string> {
  const target = config.databases.get(database);
  if (!target) throw new Error(`${database} is not in the configuration of this case`);
  const options = { create: true, tables: [], globals: false, noOwner: false, keepOld: false, confirm: null };
  const request = { backupId, storages: ['main'], database, targetDatabase: into, options };
  return client.restore(request, target);
}

/** A worker that is gone would be waited for in vain. */
function requireAlive({ child, log }: Running): void {
  if (child.exitCode === null && child.signalCode === null) return;
  const how = child.signalCode ?? `code ${child.exitCode}`;
  throw new Error(`the worker ended with ${how}: ${log().slice(-2_000)}`);
}

interface Waiting {
  signal: AbortSignal;
  requireWorkers(): void;
}

function waitForEnd(queue: Queue, jobId: string, { signal, requireWorkers }: Waiting): Promise<EndedJob> {
  const options = { what: `${jobId} has ended`, interval: 100, limit: 600_000, signal };
  return poll(options, async () => {
    requireWorkers();
    return endOf(await queue.getJob(jobId));
  });
}

function endOf(job: Job | undefined): EndedJob | undefined {
  if (job?.failedReason) throw new Error(`${job.name} ${job.id} failed: ${job.failedReason}`);
  if (job?.id === undefined || job.finishedOn === undefined || job.processedOn === undefined)
    return undefined;
  return { jobId: job.id, activeAt: job.processedOn, endedAt: job.finishedOn };
}

export function openMain({ storages }: Config): Promise<Storage> {
  const config = storages.get('main');
  if (!config) throw new Error('the configuration of a case has a storage main');
  return openStorage({ name: 'main', config });
}

/** What marks the storage as this installation's stays: it is written once, not once a backup. */
async function removeBackups(storage: Storage, signal: AbortSignal): Promise<void> {
  const keys = await Array.fromAsync(storage.list('', signal), ({ key }) => key);
  await storage.remove(
    keys.filter((key) => key !== installationKey),
    signal,
  );
}

async function waitUntilIdle(
  queues: readonly Queue[],
  { interval, signal, requireWorkers }: Waiting & { interval: number },
): Promise<void> {
  await poll({ what: 'the queues are empty', interval, limit: 600_000, signal }, async () => {
    requireWorkers();
    const counts = await Promise.all(
      queues.map((queue) => queue.getJobCounts('waiting', 'active', 'delayed')),
    );
    return counts.flatMap((count) => Object.values(count)).every((jobs) => jobs === 0) || undefined;
  });
}
