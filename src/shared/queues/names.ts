import { BackupDataError } from '../errors.ts';
import { isName } from '../ids.ts';

/** The queues that workers consume; each exists once per pool. */
export const workerQueues = ['backups', 'restores', 'maintenance'] as const;
export type WorkerQueue = (typeof workerQueues)[number];

/** What is due by the clock; producers consume it. */
export const schedulesQueue = 'schedules';

/** What notifiers are told; producers consume it. */
export const notificationsQueue = 'notifications';

export const defaultPool = 'default';

/** In front of every key, channel and lease. The braces keep one installation in one slot of a Redis Cluster. */
export function redisPrefix(installation: string): string {
  return `{backupdata:${installation}}`;
}

/** `backups` for the default pool, `backups.eu` for pool `eu`. */
export function queueName(queue: WorkerQueue, pool: string): string {
  return pool === defaultPool ? queue : `${queue}.${pool}`;
}

/** The pool of a queue by its name. */
export function poolOf(queue: string): string {
  const dot = queue.indexOf('.');
  return dot === -1 ? defaultPool : queue.slice(dot + 1);
}

export function leaseKey(installation: string, database: string): string {
  return `${redisPrefix(installation)}:lease:${database}`;
}

/** What is recorded of schedules: hashes by the name of a database or a server, and which of their generations that is. */
export function ledgerKeys(
  installation: string,
): Record<'seenTo' | 'missed' | 'paused' | 'generation', string> {
  const key = (name: string): string => `${redisPrefix(installation)}:slots:${name}`;
  return {
    seenTo: key('seen-to'),
    missed: key('missed'),
    paused: key('paused'),
    generation: key('generation'),
  };
}

/** Set while a run is to be cancelled; its worker reads it once a second. */
export function cancelKey(installation: string, jobId: string): string {
  return `${redisPrefix(installation)}:cancel:${jobId}`;
}

/** A browser's session; `id` is the hash of what its cookie holds. */
export function sessionKey(installation: string, id: string): string {
  return `${redisPrefix(installation)}:session:${id}`;
}

/** The newest lines of the audit log. */
export function auditKey(installation: string): string {
  return `${redisPrefix(installation)}:audit`;
}

/** In front of what is counted of who asks too often; that appends a colon and whom it counts. */
export function limitPrefix(installation: string, what: string): string {
  return `${redisPrefix(installation)}:limit:${what}`;
}

/** The answer to a request that may be sent twice; `id` stands for who asked, and with which key. */
export function idempotencyKey(installation: string, id: string): string {
  return `${redisPrefix(installation)}:idempotency:${id}`;
}

/** A manifest that listings remember; `id` stands for its storage, key and version. */
export function manifestCacheKey(installation: string, id: string): string {
  return `${redisPrefix(installation)}:manifest:${id}`;
}

/** `eu,default` as given on a command line. Throws USAGE. */
export function parsePools(text: string): string[] {
  const pools = text.split(',').map((pool) => pool.trim());
  const bad = pools.find((pool) => !isName(pool));
  if (bad === undefined) return [...new Set(pools)];
  throw new BackupDataError('USAGE', `"${bad}" is not a pool's name`, { hint: 'Write --pool eu,default.' });
}
