import { createHash, randomUUID } from 'node:crypto';
import type { Request } from 'express';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { BackupDataError } from '../../../shared/errors.ts';
import { idempotencyKey } from '../../../shared/queues/names.ts';
import { inRedis } from '../../../shared/redis.ts';
import { callerOf } from '../http/caller.ts';

/** What a request was answered with. */
const answerSchema = z.object({
  status: z.int(),
  location: z.string().nullable(),
  body: z.unknown(),
});

export type Answer = z.output<typeof answerSchema>;

const storedSchema = z.object({ asked: z.string(), answer: answerSchema.nullable() });

/** Seconds after which a request that is not answered has died with its producer. */
const patience = 300;
const lifetime = 24 * 60 * 60;

/** Whoever took too long must not free what another has taken since. */
const freeIfOwn = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/**
 * Answers a request with the same Idempotency-Key once and for all: what was answered is answered again for a day. Without one it
 * is just answered. REQUEST_CONFLICT where the key belongs to another request, or that is still being answered. A failure is not
 * kept: the same request may be sent again.
 */
export async function answerOnce(
  request: Request,
  { redis, installation, answer }: { redis: Redis; installation: string; answer: () => Promise<Answer> },
): Promise<Answer & { replayed: boolean }> {
  const given = request.get('Idempotency-Key');
  if (given === undefined) return { ...(await answer()), replayed: false };
  const key = idempotencyKey(installation, idOf(request, given));
  const asked = digestOf(JSON.stringify(request.body ?? null));
  const running = JSON.stringify({ asked, by: randomUUID(), answer: null });
  const earlier = await inRedis(redis, () => redis.set(key, running, 'EX', patience, 'NX', 'GET'));
  if (earlier !== null) return { ...answerIn(earlier, asked), replayed: true };
  const answered = await answer().catch(async (error: unknown) => {
    // Where Redis is away, it ends by itself.
    await redis.eval(freeIfOwn, 1, key, running).catch(() => undefined);
    throw error;
  });
  // It is done, whether or not that can be kept; until it ends by itself, the key stays taken.
  const kept = JSON.stringify({ asked, answer: answered });
  await redis.set(key, kept, 'EX', lifetime).catch(() => undefined);
  return { ...answered, replayed: false };
}

/** The path too: the key of one request is no key of another. */
function idOf(request: Request, key: string): string {
  if (!/^[\x21-\x7e]{1,128}$/.test(key))
    throw new BackupDataError('USAGE', 'Idempotency-Key is not 1 to 128 visible characters', {
      hint: 'Send a new random text, such as a UUID, with each new request.',
    });
  const { name } = callerOf(request).principal;
  return digestOf([name, request.method, request.originalUrl, key].join('\n'));
}

function answerIn(stored: string, asked: string): Answer {
  const earlier = storedSchema.parse(JSON.parse(stored));
  if (earlier.asked !== asked)
    throw new BackupDataError('REQUEST_CONFLICT', 'this Idempotency-Key was sent with another body', {
      hint: 'Send a new key with a new request.',
    });
  if (earlier.answer) return earlier.answer;
  throw new BackupDataError('REQUEST_CONFLICT', 'the same request is being answered', {
    hint: 'Send it again in a moment.',
    retryAfter: 1,
  });
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
