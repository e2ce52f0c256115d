import { Redis } from 'ioredis';

/** Every kind of value that Redis has, in several databases, with and without an end of its life. */
export async function fillSample(url: string): Promise<void> {
  await withRedis(url, 0, fillFirst);
  await withRedis(url, 3, async (redis) => {
    await redis.set('elsewhere', 'in another database');
    await redis.set('elsewhere:expiring', 'x', 'EX', 86_400);
  });
}

async function fillFirst(redis: Redis): Promise<void> {
  await redis.set('string', 'text');
  await redis.set('integer', 42);
  await redis.set(Buffer.from([0, 255, 10, 13, 34]), Buffer.from([0, 1, 2, 255, 13, 10]));
  await redis.set('empty', '');
  await redis.set('long', 'abc'.repeat(50_000));
  await redis.setbit('bitmap', 4_321, 1);
  await redis.pfadd('hyperloglog', ...numbered(1_000));
  await redis.rpush('list', ...numbered(5));
  await redis.rpush('list:long', ...numbered(2_000), 'x'.repeat(9_000));
  await redis.sadd('set', ...numbered(5));
  await redis.sadd('set:integers', 1, 2, 3_000_000_000);
  await redis.sadd('set:large', ...numbered(2_000));
  await redis.zadd('zset', 1.5, 'one', '-inf', 'least', '+inf', 'most', 0.1, 'tenth');
  await redis.zadd('zset:large', ...numbered(2_000).flatMap((name, index) => [index / 3, name]));
  await redis.hset('hash', { field: 'value', empty: '' });
  await redis.hset('hash:large', Object.fromEntries(numbered(2_000).map((name) => [name, `${name}!`])));
  await redis.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
  await fillStream(redis);
  await redis.call(
    'FUNCTION',
    'LOAD',
    '#!lua name=sample\nredis.register_function("answer", function() return 42 end)',
  );
  await redis.call(
    'FUNCTION',
    'LOAD',
    '#!lua name=other\nredis.register_function("echo", function(k, a) return a[1] end)',
  );
  await redis.pexpire('integer', 86_400_123);
  await redis.call('PEXPIREAT', 'hash', '4102444800123');
}

/** With a consumer that has read and not acknowledged, and an entry that was deleted. */
async function fillStream(redis: Redis): Promise<void> {
  for (const name of numbered(300)) await redis.xadd('stream', '*', 'name', name, 'other', 'x');
  await redis.xgroup('CREATE', 'stream', 'group', '0');
  await redis.xreadgroup('GROUP', 'group', 'reader', 'COUNT', 3, 'STREAMS', 'stream', '>');
  const [first] = await redis.xrange('stream', '-', '+', 'COUNT', 1);
  await redis.xack('stream', 'group', first?.[0] ?? '');
  await redis.xdel('stream', first?.[0] ?? '');
  await redis.xgroup('CREATE', 'stream', 'untouched', '$');
}

/** All of a server's data as plain values: each key of each database with its type, the end of its life and its value, and the functions. */
export async function contentOf(url: string): Promise<unknown> {
  const keyspace = await withRedis(url, 0, (redis) => redis.info('keyspace'));
  const numbers = [...keyspace.matchAll(/^db(\d+):/gm)].map((match) => Number(match[1]));
  const databases = [];
  for (const number of numbers)
    databases.push({ number, keys: await withRedis(url, number, (redis) => keysOf(redis)) });
  const functions = await withRedis(url, 0, (redis) => redis.call('FUNCTION', 'LIST', 'WITHCODE'));
  return { databases, functions: sorted((functions as unknown[]).map(canonical)) };
}

async function keysOf(redis: Redis): Promise<unknown[]> {
  const keys = await redis.keysBuffer('*');
  const described = await Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key);
      const expires = await redis.call('PEXPIRETIME', key);
      return { key: key.toString('latin1'), type, expires, value: await readValue(redis, key, type) };
    }),
  );
  return sorted(described);
}

async function readValue(redis: Redis, key: Buffer, type: string): Promise<unknown> {
  const read = async (command: string, ...args: string[]) =>
    canonical(await redis.callBuffer(command, key, ...args));
  switch (type) {
    case 'string':
      return read('GET');
    case 'list':
      return read('LRANGE', '0', '-1');
    case 'set':
      return sorted((await read('SMEMBERS')) as unknown[]);
    case 'zset':
      return read('ZRANGE', '0', '-1', 'WITHSCORES');
    case 'hash':
      return sorted(pairs((await read('HGETALL')) as unknown[]));
    case 'stream':
      return [
        await read('XRANGE', '-', '+'),
        await canonical(await redis.callBuffer('XINFO', 'GROUPS', key)),
        await canonical(await redis.callBuffer('XPENDING', key, 'group')),
        pairs((await canonical(await redis.callBuffer('XINFO', 'STREAM', key))) as unknown[]).filter(
          ([name]) => /entries-added|last-generated-id|max-deleted/.test(String(name)),
        ),
      ];
    default:
      throw new Error(`the sample holds a ${type}`);
  }
}

/** Bytes as text that is equal only for equal bytes. */
function canonical(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  return Array.isArray(value) ? value.map(canonical) : value;
}

function pairs(flat: readonly unknown[]): [unknown, unknown][] {
  return flat.flatMap((each, index) =>
    index % 2 === 0 ? [[each, flat[index + 1]] as [unknown, unknown]] : [],
  );
}

function sorted(values: readonly unknown[]): unknown[] {
  return values.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `element-${index}`);
}

/** A connection of its own to one database of a server, by a URL or the path of a socket; it fails instead of trying again. */
export async function withRedis<T>(
  address: string,
  db: number,
  use: (redis: Redis) => Promise<T>,
  { password }: { password?: string } = {},
): Promise<T> {
  const redis = new Redis(address, {
    ...{ db, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 },
    ...(password === undefined ? {} : { password }),
  });
  await redis.connect();
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}
