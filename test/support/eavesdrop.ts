import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { type Installation, withInstallation } from './installation.ts';
import { startRedis } from './redis.ts';

/** What was said, and where. */
export type Said = [where: string, text: string];

/** Gives a test an installation whose Redis is all its own, with its password. */
export async function withOwnRedis(
  use: (installation: Installation, password: string) => Promise<void>,
): Promise<void> {
  const redis = await startRedis();
  try {
    await withInstallation((installation) => use(installation, new URL(redis.url).password), {
      redisUrl: redis.url,
    });
  } finally {
    await redis.stop();
  }
}

/** Fails when one of the words, in any form that it may be written in, is in what was said. */
export function assertSilent(said: readonly Said[], words: readonly string[]): void {
  assert.ok(said.length > 0, 'something was said');
  const forms = words.flatMap(formsOf);
  for (const [where, text] of said) {
    const found = forms.find((word) => text.includes(word));
    assert.equal(found, undefined, `${where} holds it: ${text.slice(0, 4_000)}`);
  }
}

/** The arguments of every process of the machine, by its id. */
export async function argumentsOfAll(): Promise<Map<string, string>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = (pid: string) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return new Map(await Promise.all(pids.map(async (pid) => [pid, await read(pid)] as const)));
}

export async function everythingInRedis(url: string): Promise<readonly Said[]> {
  const redis = new Redis(url);
  try {
    const said: Said[] = [];
    for (const key of await redis.keys('*'))
      said.push([key, `${key} ${JSON.stringify(await readKey(redis, key))}`]);
    assert.ok(
      said.some(([key]) => key.endsWith(':events')),
      'the streams of events are among them',
    );
    return said;
  } finally {
    redis.disconnect();
  }
}

async function readKey(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  if (type === 'string') return redis.get(key);
  if (type === 'hash') return redis.hgetall(key);
  if (type === 'list') return redis.lrange(key, 0, -1);
  if (type === 'set') return redis.smembers(key);
  if (type === 'zset') return redis.zrange(key, '0', '-1');
  if (type === 'stream') return redis.xrange(key, '-', '+');
  // It expired in between, or it is of a kind that nobody looked into.
  assert.equal(type, 'none', `${key} is a ${type}`);
  return null;
}

/** As it is, and as a URL, JSON or base64 would have it. */
function formsOf(secret: string): string[] {
  const forms = [
    secret,
    encodeURIComponent(secret),
    encodeURI(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
  ];
  return [...new Set([...forms, ...(secret.includes('/') ? [secret.slice(0, secret.indexOf('/'))] : [])])];
}
