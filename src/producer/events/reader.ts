import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from '../../shared/logger.ts';
import { missedEntries } from './missed-entries.ts';
import { createPositions, eventsKey, isAfter, oldestEntry, type Positions, timeOf } from './positions.ts';
import { withinPatience } from './within-patience.ts';

/** One entry of a queue's event stream. */
export interface StreamEntry {
  queue: string;
  /** By the clock of Redis. */
  at: Date;
  event: string;
  jobId: string | undefined;
}

export interface ReaderOptions {
  /** Is copied: a read that waits holds up its connection. */
  redis: Redis;
  installation: string;
  /** Names of queues; asked before each read. */
  queues: () => readonly string[];
  /** What it throws has the entry given again, and what follows it wait. */
  handle: (entry: StreamEntry) => Promise<void>;
  complain: (error: unknown) => void;
  logger: Logger;
}

/** Milliseconds that one read waits for news, and how much longer its answer may take. */
const block = 5_000;
const patience = 10_000;
const pause = 1_000;
const atOnce = 500;

/**
 * Reads the event streams of all queues, each entry at least once, in the order of each stream. It goes on after whatever
 * becomes of Redis: where it was is known to this process and, unless it lost everything, to Redis.
 */
export function startReader(options: ReaderOptions): { close(): Promise<void> } {
  const closed = new AbortController();
  const { signal } = closed;
  const redis = options.redis.duplicate();
  redis.on('error', (error) => options.logger.debug('Redis cannot be reached', { error }));
  redis.connect().catch(() => undefined);
  const positions = createPositions({ redis, installation: options.installation });
  const place = { isSure: false };
  redis.on('ready', () => {
    place.isSure = false;
  });
  const reading = readOn({ ...options, redis, positions, place, signal });
  return {
    close: async () => {
      closed.abort();
      redis.disconnect();
      // What handles an entry may wait for a Redis that is away.
      await withinPatience(reading);
    },
  };
}

interface Reading extends ReaderOptions {
  positions: Positions;
  /** Whether the streams hold all that comes after the place that was reached. */
  place: { isSure: boolean };
  signal: AbortSignal;
}

async function readOn(reading: Reading): Promise<void> {
  const { signal, complain, place } = reading;
  while (!signal.aborted) {
    try {
      if (!place.isSure) await findPlace(reading);
      // It may turn unsure while it is read.
      place.isSure = true;
      if (!(await readOnce(reading))) place.isSure = false;
    } catch (error) {
      place.isSure = false;
      if (signal.aborted) return;
      complain(error);
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** After a time without a word: what the streams do not hold any more is taken from the queues themselves. */
async function findPlace(reading: Reading): Promise<void> {
  const { positions, redis, installation, handle, signal } = reading;
  const queues = reading.queues();
  for (const [queue, after] of await positions.of(queues)) {
    for (const missed of await missedEntries({ redis, installation, queue, after })) {
      signal.throwIfAborted();
      await handle({ queue, ...missed });
    }
  }
  await positions.check(queues);
  await positions.save();
}

/** Whether the streams still hold all that follows: telling takes its time, and they are trimmed meanwhile. */
async function readOnce(reading: Reading): Promise<boolean> {
  const { positions, installation } = reading;
  const from = await positions.of(reading.queues());
  await positions.save();
  const keys = new Map([...from.keys()].map((queue) => [eventsKey(installation, queue), queue]));
  const streams = await readStreams(reading, [...keys.keys()], [...from.values()]);
  let isSure = true;
  for (const [key, entries] of streams) {
    const queue = keys.get(key) ?? '';
    await handleAll(
      reading,
      queue,
      entries.map(([id, fields]) => ({ id, ...parseFields(fields) })),
    );
    const [oldest, last] = [await oldestEntry(reading.redis, key), entries.at(-1)?.[0]];
    if (oldest && last && isAfter(oldest, last)) isSure = false;
  }
  return isSure;
}

async function handleAll(
  { positions, handle, signal }: Reading,
  queue: string,
  entries: readonly { id: string; event: string; jobId: string | undefined }[],
): Promise<void> {
  for (const { id, event, jobId } of entries) {
    signal.throwIfAborted();
    await handle({ queue, at: new Date(timeOf(id)), event, jobId });
    positions.reached(queue, id);
  }
}

type Streams = [key: string, entries: [id: string, fields: string[]][]][];

/** A Redis that hangs keeps its connections, and would keep this read for ever. */
async function readStreams({ redis }: Reading, keys: string[], ids: string[]): Promise<Streams> {
  const read = redis.xread('COUNT', atOnce, 'BLOCK', block, 'STREAMS', ...keys, ...ids);
  const over = new AbortController();
  const limit = delay(block + patience, undefined, { signal: over.signal }).then(() => {
    redis.disconnect(true);
    throw new Error('Redis does not answer');
  });
  try {
    return ((await Promise.race([read, limit])) ?? []) as Streams;
  } finally {
    read.catch(() => undefined);
    limit.catch(() => undefined);
    over.abort();
  }
}

function parseFields(fields: readonly string[]): { event: string; jobId: string | undefined } {
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2)
    pairs.set(fields[index] ?? '', fields[index + 1] ?? '');
  return { event: pairs.get('event') ?? '', jobId: pairs.get('jobId') };
}
