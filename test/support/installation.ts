import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { filesBelow, withFolder } from './folder.ts';
import { sharedPostgres, type TestPostgres } from './postgres.ts';
import { sharedRedis } from './redis.ts';
import { until } from './until.ts';

const sources = resolve(import.meta.dirname, '../../src/main.ts');

/** How a command ended. */
export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Stdout as JSON. */
  json<T>(): T;
}

/** A running `worker`, `serve` or `up`. */
export interface Running {
  child: ChildProcess;
  pid: number;
  /** All that it has written to stderr so far. */
  log(): string;
  /** Sends the signal and waits for the end; its exit code, or null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** One BackUpData with its own Redis prefix, configuration and storage, in a folder of its own. */
export interface Installation {
  path: string;
  backups: string;
  postgres: TestPostgres;
  env: Record<string, string>;
  /** Redis keys of this installation begin so. */
  prefix: string;
  configure(changes: ConfigChanges): Promise<void>;
  run(...args: string[]): Promise<CommandResult>;
  start(
    args: readonly string[],
    options?: { env?: Record<string, string>; ready?: RegExp },
  ): Promise<Running>;
  /** Every file below the storage's root, relative to it, sorted. */
  stored(): Promise<string[]>;
}

/** Parts of the configuration, as JSON (which is YAML). */
export interface ConfigChanges {
  databases: Record<string, Record<string, unknown>>;
  queue?: Record<string, unknown>;
  timeouts?: Record<string, unknown>;
  tools?: Record<string, unknown>;
  defaults?: Record<string, unknown>;
  storages?: Record<string, unknown>;
  notifiers?: Record<string, unknown>;
  identities?: readonly string[];
  auth?: Record<string, unknown>;
  audit?: Record<string, unknown>;
  api?: Record<string, unknown>;
  grpc?: Record<string, unknown>;
}

/** Lock and stall times short enough for a test; every pause of a fault test is stated in these. */
export const quickQueue = {
  lockDuration: 2_000,
  stalledInterval: 1_000,
  backoff: { initial: 100, max: 500 },
  drift: { retry: 200, giveUp: 1_000 },
};

let count = 0;

/** Gives a test an installation of its own; its processes are killed and its files removed afterwards. */
export async function withInstallation(
  use: (installation: Installation) => Promise<void>,
  options: { redisUrl?: string; backups?: string; main?: string } = {},
): Promise<void> {
  const postgres = await sharedPostgres();
  const redis =
    options.redisUrl === undefined
      ? await sharedRedis()
      : { url: options.redisUrl, stop: async () => undefined };
  const running: Running[] = [];
  try {
    await withFolder(async (path) => {
      try {
        await use(
          await install({
            path,
            postgres,
            running,
            redisUrl: redis.url,
            backups: options.backups ?? join(path, 'backups'),
            main: options.main ?? sources,
          }),
        );
      } finally {
        await Promise.all(running.map((each) => each.stop('SIGKILL')));
      }
    });
  } finally {
    await redis.stop();
    await postgres.stop();
  }
}

async function install(parts: {
  path: string;
  backups: string;
  postgres: TestPostgres;
  redisUrl: string;
  running: Running[];
  /** The program: the sources, unless what was built is to be measured. */
  main: string;
}): Promise<Installation> {
  const { path, backups, postgres, redisUrl, running, main } = parts;
  await mkdir(backups, { recursive: true });
  count += 1;
  const name = `t${process.pid}-${count}`;
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: path,
    TMPDIR: process.env.TMPDIR ?? '/tmp',
    ...(process.env.NODE_OPTIONS && { NODE_OPTIONS: process.env.NODE_OPTIONS }),
    ...(process.env.NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
    ...(process.env.BACKUPDATA_TEST_RUN && { BACKUPDATA_TEST_RUN: process.env.BACKUPDATA_TEST_RUN }),
    REDIS_URL: redisUrl,
    BACKUPDATA_INSTALLATION: name,
    BACKUPDATA_DATA_DIR: join(path, 'data'),
    METRICS_PORT: '0',
    GRPC_PORT: '0',
    PORT: '0',
    LOG_FORMAT: 'json',
  };
  const configure = async (changes: ConfigChanges): Promise<void> => {
    const config = { storages: { main: { type: 'local', path: backups } }, queue: quickQueue, ...changes };
    await writeFile(join(path, 'backupdata.yaml'), JSON.stringify(config, null, 2));
  };
  return {
    path,
    backups,
    postgres,
    env,
    prefix: `{backupdata:${name}}`,
    configure,
    run: (...args) => command([main, ...args], { cwd: path, env }),
    start: async (args, { env: more = {}, ready = /ready|is up/ } = {}) => {
      const started = startCommand([main, ...args], { cwd: path, env: { ...env, ...more } });
      running.push(started);
      await until(
        `${args.join(' ')} is ready`,
        () => ready.test(started.log()) || started.child.exitCode !== null,
        20_000,
      );
      if (started.child.exitCode !== null)
        throw new Error(`${args.join(' ')} ended with ${started.child.exitCode}: ${started.log()}`);
      return started;
    },
    stored: () => filesBelow(backups),
  };
}

async function command(
  args: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): Promise<CommandResult> {
  const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
}

function startCommand(
  args: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): Running {
  const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const keep = (chunk: Buffer): void => {
    log += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const closed = once(child, 'close');
  return {
    child,
    pid: child.pid ?? -1,
    log: () => log,
    stop: async (signal = 'SIGTERM') => {
      // A stopped process does not see SIGTERM before it is continued; SIGKILL reaches it as it is.
      child.kill(signal);
      const [code] = await closed;
      return code as number | null;
    },
  };
}
