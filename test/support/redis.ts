import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { readUntil } from './lines.ts';
import { onFreePort } from './ports.ts';

export interface RedisOptions {
  /** Write every change to an append-only file, so that a killed server comes back with its data. */
  appendonly?: boolean;
  /** More settings, as on the command line of redis-server: `['--maxmemory', '20mb']`. */
  args?: readonly string[];
  /** Take encrypted connections alone. */
  tls?: RedisTls;
}

/** PEM files of a server. */
export interface RedisTls {
  ca: string;
  cert: string;
  key: string;
  /** Whether a client must have a certificate of that CA too. */
  clients: boolean;
}

/** A Redis of its own on a free loopback port, with a password, its data in a temporary directory. */
export interface TestRedis {
  /** `redis://:PASSWORD@127.0.0.1:PORT`, or `rediss://` */
  url: string;
  port: number;
  /** Ends the server at once and removes its data. Harmless twice. */
  stop(): Promise<void>;
  /** Sends the signal; unless it is SIGSTOP or SIGCONT, resolves once the process is gone. The data stays for `restart`. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts a killed server again on the same port and data; resolves once these are loaded. */
  restart(): Promise<void>;
}

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'redis-'));
  const password = randomBytes(16).toString('hex');
  try {
    const { port, server } = await onFreePort((free) =>
      launch({ ...options, directory, password, port: free }),
    );
    return controls({ ...options, directory, password, port }, server);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** The server that the run shares, by BACKUPDATA_TEST_REDIS; where that is not set, one of its own. */
export async function sharedRedis(): Promise<Pick<TestRedis, 'url' | 'stop'>> {
  const url = process.env.BACKUPDATA_TEST_REDIS;
  return url === undefined ? startRedis() : { url, stop: async () => undefined };
}

interface Settings extends RedisOptions {
  directory: string;
  password: string;
  port: number;
}

function controls(settings: Settings, first: ChildProcess): TestRedis {
  let server = first;
  const kill = async (signal: NodeJS.Signals) => {
    const paused = signal === 'SIGSTOP' || signal === 'SIGCONT';
    if (!isRunning(server)) return;
    const gone = once(server, 'close');
    server.kill(signal);
    if (!paused) await gone;
  };
  return {
    url: `${settings.tls ? 'rediss' : 'redis'}://:${settings.password}@127.0.0.1:${settings.port}`,
    port: settings.port,
    kill,
    restart: async () => {
      server = await launch(settings);
    },
    stop: async () => {
      await kill('SIGKILL');
      await rm(settings.directory, { recursive: true, force: true });
    },
  };
}

/** Resolves once the server answers, with its data loaded; otherwise throws what it printed. */
async function launch(settings: Settings): Promise<ChildProcess> {
  const program = await findRedis();
  const [command = '', ...args] = [...diesWithParent, program, ...(settings.args ?? []), '-'];
  const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const printed: string[] = [];
  server.once('error', (error) => printed.push(error.message));
  server.stdin.once('error', (error) => printed.push(error.message));
  server.stdin.end(configuration(settings));
  const ready = await readUntil(server.stdout, 'Ready to accept connections', printed);
  if (!ready) throw new Error(`redis-server did not start: ${printed.slice(-5).join('\n')}`);
  server.stdout.resume();
  return server;
}

/** A test process that is killed takes its servers with it. */
const diesWithParent = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL'] : [];

async function findRedis(): Promise<string> {
  const found = await createTools({ path: process.env.PATH ?? '', only: undefined }).find('redis-server');
  if (found === undefined) {
    throw new Error(
      'redis-server is not installed: run script/bootstrap (on Debian `apt-get install redis-server`, on macOS `brew install redis`)',
    );
  }
  return found;
}

/** Goes in by stdin, because arguments can be read by every user of the machine. */
function configuration({ directory, password, port, appendonly, tls }: Settings): string {
  return [
    'bind 127.0.0.1',
    ...(tls ? encrypted(tls, port) : [`port ${port}`]),
    `requirepass ${password}`,
    `dir "${directory}"`,
    'save ""',
    `appendonly ${appendonly ? 'yes' : 'no'}`,
    'maxmemory-policy noeviction',
    '',
  ].join('\n');
}

function encrypted({ ca, cert, key, clients }: RedisTls, port: number): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file "${cert}"`,
    `tls-key-file "${key}"`,
    `tls-ca-cert-file "${ca}"`,
    `tls-auth-clients ${clients ? 'yes' : 'no'}`,
  ];
}

function isRunning(server: ChildProcess): boolean {
  return server.exitCode === null && server.signalCode === null;
}
