import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { startChild } from '../pipeline/process/child.ts';
import type { Tools } from '../pipeline/process/tools.ts';
import { BackupDataError } from '../shared/errors.ts';
import { connectRedis } from '../shared/redis.ts';
import { Secret } from '../shared/secret.ts';

export interface EmbeddedRedisOptions {
  dataDir: string;
  tools: Tools;
  signal: AbortSignal;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

export interface EmbeddedRedis {
  url: Secret;
  /** Rejects with REDIS_UNAVAILABLE when the server ends. */
  ended: Promise<never>;
  close(): Promise<void>;
}

/** A Redis of this process's own: on a free loopback port, with a password, append-only file and no eviction. */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const program = await findServer(options.tools);
  const directory = resolve(options.dataDir, 'redis');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await endLeftover(directory);
  const port = await freePort();
  const url = new Secret(`redis://:${randomBytes(24).toString('hex')}@127.0.0.1:${port}`);
  const configFile = join(directory, 'redis.conf');
  // A file, because arguments can be read by every user of the machine.
  await writeFile(configFile, redisConf({ directory, url }), { mode: 0o600 });
  await writeFile(urlFile(directory), url.reveal(), { mode: 0o600 });
  const child = startChild({ program, args: [configFile], env: options.tools.environment }, [
    'ignore',
    'ignore',
    'pipe',
  ]);
  const ended = child.closed.then((exit): never => {
    throw new BackupDataError(
      'REDIS_UNAVAILABLE',
      `redis-server ended (${exit.signal ?? `code ${exit.code}`}) ${exit.stderr.trim()}`.trim(),
      { hint: `See why in ${join(directory, 'redis.log')}, then start again; its jobs are kept.` },
    );
  });
  ended.catch(() => undefined);
  const close = async (): Promise<void> => {
    child.stop('SIGTERM');
    await child.closed;
  };
  try {
    await Promise.race([answers(url, options), ended]);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, ended, close };
}

async function findServer(tools: Tools): Promise<string> {
  const program = await tools.find('redis-server');
  if (program !== undefined) return program;
  throw new BackupDataError('TOOL_MISSING', 'redis-server is not installed, and REDIS_URL is not set', {
    hint: 'Install it (`apt-get install redis-server`, `brew install redis`), or set REDIS_URL to a Redis that runs.',
  });
}

function redisConf({ directory, url }: { directory: string; url: Secret }): string {
  const { port, password } = new URL(url.reveal());
  const settings = {
    bind: '127.0.0.1',
    port,
    requirepass: password,
    dir: `"${directory}"`,
    logfile: `"${join(directory, 'redis.log')}"`,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '""',
    'maxmemory-policy': 'noeviction',
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}

/** Where the kernel does not end Redis with its parent, a killed `up` leaves one behind; two must not share an append-only file. */
async function endLeftover(directory: string): Promise<void> {
  const url = await readFile(urlFile(directory), 'utf8').catch(() => undefined);
  if (url === undefined) return;
  const redis = connectRedis({ url: new Secret(url), role: 'client', onError: () => undefined });
  await redis
    .connect()
    .then(() => redis.shutdown())
    .catch(() => undefined);
  redis.disconnect();
}

async function answers(url: Secret, { signal, wait }: EmbeddedRedisOptions): Promise<void> {
  const redis = connectRedis({ url, role: 'worker', onError: () => undefined });
  try {
    // A long append-only file is read before the first answer; there is no telling how long that takes.
    while ((await redis.ping().catch(() => '')) !== 'PONG') await wait(20, signal);
  } finally {
    redis.disconnect();
  }
}

function urlFile(directory: string): string {
  return join(directory, 'url');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const address = server.address();
  await new Promise((done) => {
    server.close(done);
  });
  if (address === null || typeof address === 'string')
    throw new BackupDataError('INTERNAL', 'no free port was given');
  return address.port;
}
