import { appendFile } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { BackupDataError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { auditKey } from '../../shared/queues/names.ts';
import { inRedis } from '../../shared/redis.ts';
import type { Current } from '../current.ts';
import type { Audit, AuditEntry } from './access.ts';

/** Lines that Redis keeps, about. */
const kept = 10_000;
/** Lines that wait for a file or for Redis; more than that are in the log alone. */
const mostWaiting = 1_000;

export const auditEntrySchema = z.object({
  at: z.iso.datetime(),
  who: z.string().nullable(),
  role: z.string().nullable(),
  what: z.string(),
  about: z.record(z.string(), z.string()),
  /** A later release may have others. */
  face: z.string(),
  from: z.string(),
  outcome: z.string(),
  code: z.string().nullable(),
});

/** The audit log: in the log of the process, in a file where one is configured, and the newest lines in Redis for all producers. */
export function createAudit(options: {
  redis: Redis;
  current: Current;
  logger: Logger;
  clock: () => Date;
}): Audit & { close(): Promise<void> } {
  const { redis, current, logger, clock } = options;
  const key = auditKey(current().config.installation);
  const toFile = createWriter(async (line) => {
    const { file } = current().config.audit;
    if (file !== null) await appendFile(file, `${line}\n`, { mode: 0o600 });
  }, logger);
  const toRedis = createWriter(async (line) => {
    // What happens while Redis is away is in the log and the file.
    if (redis.status === 'ready') await redis.xadd(key, 'MAXLEN', '~', kept, '*', 'entry', line);
  }, logger);
  return {
    record: (entry) => {
      const line: AuditEntry = { at: clock().toISOString(), ...entry };
      logger.info('audit', { audit: line });
      const text = JSON.stringify(line);
      toFile.write(text);
      toRedis.write(text);
    },
    read: async ({ limit, after }) => {
      const end = after === undefined ? '+' : `(${positionOf(after)}`;
      const found = await inRedis(redis, () => redis.xrevrange(key, end, '-', 'COUNT', limit + 1));
      const page = found.slice(0, limit);
      const entries = page.flatMap(
        ([, [, text = '']]) => auditEntrySchema.safeParse(JSON.parse(text)).data ?? [],
      );
      return { entries, next: found.length > limit ? (page.at(-1)?.[0] ?? null) : null };
    },
    close: async () => {
      await Promise.all([toFile.drained(), toRedis.drained()]);
    },
  };
}

function positionOf(after: string): string {
  if (/^\d{1,15}-\d{1,15}$/.test(after)) return after;
  throw new BackupDataError('USAGE', 'the page to go on from is not one that this service gave', {
    hint: 'Give `after` the `next` of the page before, as it is.',
  });
}

/** Writes lines one after the other, and keeps nobody waiting. */
function createWriter(
  write: (line: string) => Promise<void>,
  logger: Logger,
): { write(line: string): void; drained(): Promise<void> } {
  let waiting = 0;
  let last = Promise.resolve();
  return {
    write: (line) => {
      if (waiting >= mostWaiting) return;
      waiting += 1;
      last = last
        .then(() => write(line))
        .catch((error) => logger.warn('a line of the audit log could not be written', { error }))
        .finally(() => {
          waiting -= 1;
        });
    },
    drained: () => last,
  };
}
