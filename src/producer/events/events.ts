import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { readManifest } from '../../pipeline/catalog/catalog.ts';
import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import { configuredPools, findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { compactTime } from '../../shared/ids.ts';
import type { Logger } from '../../shared/logger.ts';
import { queueName, workerQueues } from '../../shared/queues/names.ts';
import type { DiscoverResult } from '../../shared/queues/payloads.ts';
import { openQueue } from '../../shared/queues/queue.ts';
import type { RunEvent } from '../../shared/queues/run-event.ts';
import { redactorOf } from '../../shared/redact.ts';
import { createThrottle } from '../../shared/throttle.ts';
import type { Current } from '../current.ts';
import type { Freshness } from '../freshness/freshness.ts';
import { createGate } from '../freshness/gate.ts';
import type { KnownDatabases } from '../freshness/known-databases.ts';
import { describe, type EventContext } from './describe.ts';
import { createIncidents } from './incidents.ts';
import { type StreamEntry, startReader } from './reader.ts';
import { consequencesOf, type JobNews } from './run-events.ts';
import { lookForStale } from './stale.ts';
import { withinPatience } from './within-patience.ts';

export interface EventsOptions {
  current: Current;
  /** Of the role `worker`: it waits for a Redis that is away. */
  redis: Redis;
  freshness: Freshness;
  known: KnownDatabases;
  /** Sees to it that whoever is to hear of the event does; of the same id only once. */
  tell: (event: RunEvent) => Promise<void>;
  logger: Logger;
  clock: () => Date;
  /** Milliseconds between looks for what is stale. */
  interval?: number;
}

/** What happens to databases, as people are told of it. */
export interface Events {
  /** That slots of a database, or of a server, had no run of their own. */
  tellMissed(missed: { database: string; slots: number; latest: Date }): Promise<void>;
  close(): Promise<void>;
}

const usualInterval = 30_000;
/** Catalogs that are read at once after runs. */
const refreshesAtOnce = 8;
/** Milliseconds that the notes of a backup are waited for. */
const notesPatience = 10_000;

/**
 * Tells of the runs of all workers, and of databases that are stale. Any number of producers may run it: the ids of events are the
 * same everywhere. Without Redis it waits; whatever fails is tried again, and touches no run.
 */
export function startEvents(options: EventsOptions): Events {
  const { current, redis, clock, logger, tell } = options;
  const { installation } = current().config;
  const closed = new AbortController();
  const context = (): EventContext => {
    const { config } = current();
    return { config, redactor: redactorOf(config.secrets), now: clock() };
  };
  const throttle = createThrottle({ clock, interval: 5_000 });
  const parts: Parts = {
    ...options,
    context,
    incidents: createIncidents({ redis, installation, tell }),
    queues: createQueues(redis, installation),
    gate: createGate(refreshesAtOnce),
    signal: closed.signal,
    complain: (error) => {
      if (closed.signal.aborted) return;
      throttle(String(error), (repeated) => logger.warn('events cannot be told yet', { error, repeated }));
    },
  };
  const reader = startReader({
    redis,
    installation,
    logger,
    complain: parts.complain,
    queues: () => queueNames(current().config),
    handle: (entry) => handle(parts, entry),
  });
  const looks = keepLooking(parts, options.interval ?? usualInterval);
  return {
    tellMissed: (missed) => tellMissed(parts, missed),
    close: async () => {
      closed.abort();
      await Promise.all([reader.close(), looks.close()]);
      await withinPatience(parts.queues.close());
    },
  };
}

interface Parts extends EventsOptions {
  context: () => EventContext;
  incidents: ReturnType<typeof createIncidents>;
  queues: ReturnType<typeof createQueues>;
  gate: ReturnType<typeof createGate>;
  signal: AbortSignal;
  complain: (error: unknown) => void;
}

function queueNames(config: Config): string[] {
  return configuredPools(config).flatMap((pool) => workerQueues.map((name) => queueName(name, pool)));
}

/** To look jobs up in; opened when they are first asked. */
function createQueues(redis: Redis, installation: string) {
  const open = new Map<string, Queue>();
  return {
    get: (name: string): Queue => {
      const queue = open.get(name) ?? openQueue(name, { redis, installation });
      open.set(name, queue);
      return queue;
    },
    close: () => Promise.all([...open.values()].map((queue) => queue.close())),
  };
}

/** An entry that can never be told must not hold up all that follow it. */
async function handle(parts: Parts, entry: StreamEntry): Promise<void> {
  const { logger, signal } = parts;
  try {
    await handleEntry(parts, entry);
  } catch (error) {
    if (signal.aborted || !isLasting(error)) throw error;
    const { queue, event, jobId } = entry;
    logger.error('an event of a job cannot be told', { queue, event, jobId, error });
  }
}

function isLasting(error: unknown): boolean {
  if (error instanceof BackupDataError) return !error.retryable;
  return error instanceof z.ZodError || error instanceof TypeError || error instanceof RangeError;
}

async function handleEntry(parts: Parts, { queue, event, jobId, at }: StreamEntry): Promise<void> {
  if (jobId === undefined || !isNews(event)) return;
  // Of what starts, only backups are told.
  if (event === 'active' && !queue.startsWith('backups')) return;
  const job = await parts.queues.get(queue).getJob(jobId);
  if (!job || !(await isAsTold(job, event))) return;
  await follow(parts, { job, queue, event, at });
}

/** One that was asked for anew under its id tells its end itself, and it may be another. */
async function isAsTold(job: Job, event: JobNews['event']): Promise<boolean> {
  return event === 'active' ? job.finishedOn === undefined : (await job.getState()) === event;
}

function isNews(event: string): event is JobNews['event'] {
  return ['active', 'completed', 'failed'].includes(event);
}

async function follow(parts: Parts, news: JobNews): Promise<void> {
  const { incidents, freshness, tell } = parts;
  const notesOf = (id: string, database: DatabaseConfig) => readNotes(parts, id, database);
  const { at } = news;
  const outcome = await consequencesOf({ ...parts.context(), freshness, notesOf }, news);
  for (const event of outcome.tell) await tell(event);
  for (const { key, ...opening } of outcome.opens) await incidents.open(key, { at, ...opening });
  for (const { key, ...closing } of outcome.closes) await incidents.close(key, { at, ...closing });
  await rememberFound(parts, news);
  refreshAfter(parts, news);
}

async function rememberFound({ known }: Parts, { job, event }: JobNews): Promise<void> {
  if (job.name !== 'discover' || event !== 'completed') return;
  const { runs }: DiscoverResult = job.returnvalue;
  const at = new Date(job.processedOn ?? job.timestamp);
  await known.remember(job.data.server, { at, names: runs.map(({ database }) => database) });
}

/** Nothing waits for it: a storage may take its time. */
function refreshAfter(parts: Parts, { job, event }: JobNews): void {
  const isOver = event === 'completed' || (event === 'failed' && job.name === 'verify');
  if (!isOver || !['backup', 'verify'].includes(job.name)) return;
  const { freshness, gate, signal, logger, complain } = parts;
  const { database } = job.data;
  void gate(async () => {
    if (signal.aborted) return;
    await freshness.refresh(database, signal).then(
      () => lookForStale({ ...parts.context(), ...parts }, database).catch(complain),
      (error) => logger.debug('a catalog could not be read after a run', { database, error }),
    );
  });
}

/** They are worth a look at the storage only where somebody reads them; and a run is told without them rather than late. */
async function readNotes(
  { current, logger, signal }: Parts,
  backupId: string,
  { name, storage, notify }: DatabaseConfig,
): Promise<string[]> {
  const { config, resources } = current();
  const isRead = notify.some((each) => {
    const notifier = config.notifiers.get(each);
    return notifier && 'on' in notifier && notifier.on.includes('success');
  });
  if (!isRead) return [];
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(notesPatience)]);
    const opened = await resources.storage(storage);
    return (await readManifest({ storage: opened, backupId, signal: limit })).notes;
  } catch (error) {
    logger.debug('the notes of a backup could not be read', { database: name, backupId, error });
    return [];
  }
}

async function tellMissed(
  { context, incidents }: Parts,
  { database: name, slots, latest }: { database: string; slots: number; latest: Date },
): Promise<void> {
  const { now: at, ...rest } = context();
  const database = rest.config.servers.get(name)?.template ?? findDatabase(rest.config, name);
  if (!database) return;
  const event = describe({ ...rest, now: at }, database, {
    kind: 'missed',
    id: `missed-${name}-${compactTime(latest)}`,
    at,
    missed: { slots, latest: latest.toISOString() },
  });
  await incidents.open({ kind: 'missed', database: name }, { at, event });
}

function keepLooking(parts: Parts, interval: number): { close(): Promise<void> } {
  const { known, complain } = parts;
  let round = Promise.resolve();
  let busy = false;
  const look = async (): Promise<void> => {
    await known.load();
    await lookForStale({ ...parts.context(), ...parts });
  };
  const begin = (): void => {
    // With Redis away a look waits for it; there is no need for a second one.
    if (busy) return;
    busy = true;
    round = look()
      .catch(complain)
      .finally(() => {
        busy = false;
      });
  };
  begin();
  const timer = setInterval(begin, interval);
  return {
    close: async () => {
      clearInterval(timer);
      await withinPatience(round);
    },
  };
}
