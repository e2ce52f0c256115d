import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { fromFailedReason, hasCode } from '../../shared/errors.ts';

/** When the last run of something failed for good, and when one succeeded; milliseconds since 1970, 0 for never. */
export interface LastRuns {
  failedAt: number;
  succeededAt: number;
}

/** Of a database by its name, of the look at a server by `discover:SERVER`. */
export type LastRunsByName = ReadonlyMap<string, LastRuns>;

/** Milliseconds by which the clocks of two workers may differ; what ended so long before the newest is looked for again. */
const overlap = 300_000;

/**
 * Remembers how the runs in the queues of backups ended. Redis keeps the jobs for weeks, so that a producer which starts anew knows
 * too; each look reads what came since the last. No run is missed in between, as it would be by counting on a worker that may
 * be gone before it is scraped.
 */
export function createLastRuns(redis: Redis): {
  look(queues: readonly Queue[]): Promise<void>;
  known: LastRunsByName;
} {
  const known = new Map<string, LastRuns>();
  const readers = new Map<string, () => Promise<void>>();
  const reader = (queue: Queue, state: 'failed' | 'completed'): (() => Promise<void>) => {
    const key = queue.toKey(state);
    const read = readers.get(key) ?? createReader({ redis, queue, state, known });
    readers.set(key, read);
    return read;
  };
  return {
    known,
    look: async (queues) => {
      await Promise.all(queues.flatMap((queue) => [reader(queue, 'failed')(), reader(queue, 'completed')()]));
    },
  };
}

function createReader(options: {
  redis: Redis;
  queue: Queue;
  state: 'failed' | 'completed';
  known: Map<string, LastRuns>;
}): () => Promise<void> {
  const { redis, queue, state, known } = options;
  let newest = 0;
  let seen: ReadonlySet<string> = new Set();
  return async () => {
    const ended = await endedSince(redis, queue.toKey(state), newest - overlap);
    const added = ended.filter(({ id }) => !seen.has(id));
    const names = await namesOf(redis, queue, added);
    added.forEach(({ at }, index) => {
      const name = names[index];
      if (name !== undefined) note(known, { name, state, at });
    });
    newest = ended.at(-1)?.at ?? newest;
    seen = new Set(ended.map(({ id }) => id));
  };
}

interface Ended {
  id: string;
  at: number;
}

async function endedSince(redis: Redis, key: string, since: number): Promise<Ended[]> {
  const answer = await redis.zrangebyscore(key, since, '+inf', 'WITHSCORES');
  return answer.flatMap((id, index) => (index % 2 === 0 ? [{ id, at: Number(answer[index + 1]) }] : []));
}

/** Undefined for what says nothing of a database: a job that is gone, and a run that somebody cancelled. */
async function namesOf(
  redis: Redis,
  queue: Queue,
  jobs: readonly Ended[],
): Promise<readonly (string | undefined)[]> {
  const answers = await Promise.all(
    jobs.map(({ id }) => redis.hmget(queue.toKey(id), 'name', 'data', 'failedReason')),
  );
  return answers.map(([name, data, reason]) => {
    if (data == null || hasCode(fromFailedReason(reason ?? ''), 'CANCELLED')) return undefined;
    const { database, server } = JSON.parse(data) as { database?: string; server?: string };
    return name === 'discover' ? `discover:${server}` : database;
  });
}

function note(
  known: Map<string, LastRuns>,
  { name, state, at }: { name: string; state: 'failed' | 'completed'; at: number },
): void {
  const runs = known.get(name) ?? { failedAt: 0, succeededAt: 0 };
  const kind = state === 'failed' ? 'failedAt' : 'succeededAt';
  known.set(name, { ...runs, [kind]: Math.max(runs[kind], at) });
}
