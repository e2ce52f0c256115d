import type { Redis } from 'ioredis';
import { redisPrefix } from '../../shared/queues/names.ts';
import { eventsKey, isAfter, oldestEntry, timeOf } from './positions.ts';

/** What stands for an entry of a stream that was trimmed away. */
interface MissedEntry {
  at: Date;
  event: 'completed' | 'failed';
  jobId: string;
}

/** Milliseconds by which the clocks of workers, which date the ends of jobs, and of Redis may differ. */
const margin = 60_000;

/**
 * A stream holds some 10,000 entries, and the progress of a few runs fills it within the hour. Where it begins after
 * the place that was reached, the jobs that ended since tell what was in between, and at the edges what was told already.
 * Their starts stay untold.
 */
export async function missedEntries(options: {
  redis: Redis;
  installation: string;
  queue: string;
  after: string;
}): Promise<MissedEntry[]> {
  const { redis, installation, queue, after } = options;
  const oldest = await oldestEntry(redis, eventsKey(installation, queue));
  if (oldest === undefined || !isAfter(oldest, after) || timeOf(after) === 0) return [];
  const entries: MissedEntry[] = [];
  for (const event of ['completed', 'failed'] as const) {
    const key = `${redisPrefix(installation)}:${queue}:${event}`;
    const [from, to] = [timeOf(after) - margin, timeOf(oldest) + margin];
    const found = await redis.zrangebyscore(key, from, to, 'WITHSCORES');
    for (let index = 0; index < found.length; index += 2)
      entries.push({ at: new Date(Number(found[index + 1])), event, jobId: found[index] ?? '' });
  }
  return entries.sort((a, b) => a.at.getTime() - b.at.getTime());
}
