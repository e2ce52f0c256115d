import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Job, Queue } from 'bullmq';
import { manifestKey } from '../../src/pipeline/catalog/keys.ts';
import type { Client } from '../../src/producer/client/client.ts';
import { withClient } from '../../src/producer/client/open.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import type { Config } from '../../src/shared/config/schema.ts';
import { decodeManifest, type Manifest } from '../../src/shared/manifest.ts';
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
  /** A folder on the file system of the storage, for what stock tools write. */
  outputs: string;
  startWorker(concurrency?: number): Promise<Running>;
  /** Puts a backup into the queue; the job's id, which is the backup's. */
  enqueue(database: string): Promise<string>;
  /** Waits for the end of a job. Throws when an attempt failed. */
  ended(jobId: string): Promise<EndedJob>;
  /** The same for all that are in the queue; it asks for them only when the queue is empty. */
  allEnded(jobIds: readonly string[]): Promise<EndedJob[]>;
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
  /** URLs by name. */
  databases: Readonly<Record<string, string>>;
  /** The only folders where the worker looks for tools. */
  toolPath?: readonly string[];
}

/** Gives a case an installation of its own on the bench's servers; ended and removed whatever happens. */
export async function withSession(
  { bench, databases, toolPath }: SessionOptions,
  use: (session: Session) => Promise<void>,
): Promise<void> {
  const entries = Object.entries(databases).map(
    ([name, url]) => [name, { engine: 'postgres', url }] as const,
  );
  await withInstallation(
    async (installation) => {
      const tools = toolPath === undefined ? {} : { path: toolPath };
      // An empty `queue` stands for the defaults: the short locks of tests would be measured otherwise.
      await installation.configure({ databases: Object.fromEntries(entries), queue: {}, tools });
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
  const waiting = { signal: bench.signal, requireWorkers: () => workers.forEach(requireAlive) };
  const queue = client.queue('backups', defaultPool);
  const maintenance = client.queue('maintenance', defaultPool);
  return {
    outputs,
    startWorker,
    enqueue: (name) => enqueue(parts, name),
    ended: (jobId) => waitForEnd(queue, jobId, waiting),
    allEnded: async (jobIds) => {
      await waitUntilIdle([queue], { interval: 200, ...waiting });
      return Promise.all(jobIds.map((jobId) => waitForEnd(queue, jobId, waiting)));
    },
    manifest: (jobId) => readManifest(installation, jobId),
    holdMaintenance: () => maintenance.pause(),
    holdBackups: () => queue.pause(),
    releaseBackups: () => queue.resume(),
    settle: async () => {
      await maintenance.resume();
      await waitUntilIdle(client.queues, { interval: 20, ...waiting });
      // What marks the storage as this installation's stays: it is written once, not once a backup.
      const folders = [...config.databases.keys()].map((name) => join(installation.backups, name));
      for (const path of [...folders, outputs]) await rm(path, { recursive: true, force: true });
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
  if (job?.failedReason) throw new Error(`the backup ${job.id} failed: ${job.failedReason}`);
  if (job?.id === undefined || job.finishedOn === undefined || job.processedOn === undefined)
    return undefined;
  return { jobId: job.id, activeAt: job.processedOn, endedAt: job.finishedOn };
}

async function readManifest({ backups }: Installation, backupId: string): Promise<Manifest> {
  const key = manifestKey(backupId);
  return decodeManifest(await readFile(join(backups, key)), key);
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
