import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, glob, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { createTools } from '../../src/pipeline/process/tools.ts';
import {
  asServer,
  copyFor,
  createNames,
  endServer,
  give,
  type ServerUser,
  startServer,
  unprivileged,
  urlOn,
} from './database-server.ts';
import { onFreePort } from './ports.ts';
import type { TestCa } from './tls.ts';

const run = promisify(execFile);

/** A PostgreSQL for tests, on a loopback port, whose users need passwords. */
export interface TestPostgres {
  port: number;
  /** Of a superuser, in the database `postgres`. */
  adminUrl: string;
  /** The superuser's, unless a user and a password are given. */
  url(database: string, user?: string, password?: string): string;
  /** An empty database of a name that nothing else has. It goes when the server, or its use by this file, is stopped. */
  createDatabase(): Promise<string>;
  /** A name that nothing else has, for a database or a role; what bears it is dropped by `stop`. */
  uniqueName(): string;
  /** Ends it at once and removes its data; a shared server stays. Harmless twice. */
  stop(): Promise<void>;
}

/** How a server demands TLS: of everybody but its administrator, and of `certified` a client's certificate of that name too. */
export interface DemandedTls {
  ca: TestCa;
  certified: string;
}

/** A server of its own. */
export async function startPostgres(
  options: { databaseUser?: string; tls?: DemandedTls } = {},
): Promise<TestPostgres> {
  const installation = await findInstallation();
  const directory = await mkdtemp(join(tmpdir(), 'postgres-'));
  const settings = {
    directory,
    ...installation,
    ...(await unprivileged('postgres')),
    user: options.databaseUser ?? 'admin',
  };
  const password = randomBytes(16).toString('hex');
  try {
    await initialize(settings, password);
    if (options.tls) await demandTls(settings, options.tls);
    const { port, server } = await onFreePort((free) => launch(settings, free));
    const adminUrl = `postgres://${settings.user}:${password}@127.0.0.1:${port}/postgres`;
    return { ...client(adminUrl), stop: () => endServer(server, directory, 'SIGQUIT') };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** The server whose administrator's URL is in BACKUPDATA_TEST_PG; where that is not set, one of its own. */
export async function sharedPostgres(): Promise<TestPostgres> {
  const adminUrl = process.env.BACKUPDATA_TEST_PG;
  return adminUrl === undefined ? startPostgres() : client(adminUrl);
}

/** Runs SQL and gives the rows of its (last) statement. */
export async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const connection = await connect(url);
  try {
    const result: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await connection.query<Row>(sql);
    return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
  } finally {
    await connection.end();
  }
}

/** An open connection, which the caller ends. */
export async function connect(url: string): Promise<pg.Client> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const [user, secret, database] = [username, password, pathname.slice(1)].map(decodeURIComponent);
  const connection = new pg.Client({ host: hostname, port: Number(port), user, password: secret, database });
  await connection.connect();
  return connection;
}

function client(adminUrl: string): TestPostgres {
  const names = createNames();
  const url: TestPostgres['url'] = (...on) => urlOn(adminUrl, ...on);
  const createDatabase = async (): Promise<string> => {
    const name = names.next();
    await query(adminUrl, `CREATE DATABASE ${name} TEMPLATE template0`);
    return name;
  };
  const stop = async (): Promise<void> => {
    const used = names.take();
    for (const name of used) await query(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    for (const name of used) await query(adminUrl, `DROP ROLE IF EXISTS ${name}`);
  };
  return {
    port: Number(new URL(adminUrl).port),
    adminUrl,
    url,
    uniqueName: names.next,
    createDatabase,
    stop,
  };
}

interface Settings extends ServerUser {
  directory: string;
  user: string;
  /** The folder of the server's programs. */
  bin: string;
}

async function findInstallation(): Promise<{ bin: string }> {
  const usual = [
    '/usr/lib/postgresql/*/bin',
    '/opt/homebrew/opt/postgresql@*/bin',
    '/usr/local/opt/postgresql@*/bin',
  ];
  const tools = createTools({ path: process.env.PATH ?? '', only: undefined });
  const found = await tools.findAll('initdb', await Array.fromAsync(glob(usual)));
  const versions = await Promise.all(
    found.map(async (path) => {
      const { stdout } = await run(path, ['--version']);
      return { bin: dirname(path), major: Number.parseInt(stdout.replace(/^.*\) /, ''), 10) };
    }),
  );
  const newest = versions.toSorted((one, other) => other.major - one.major)[0];
  if (newest) return newest;
  throw new Error(
    'PostgreSQL is not installed: run script/bootstrap (on Debian `apt-get install postgresql`, on macOS `brew install postgresql@17`)',
  );
}

async function initialize(settings: Settings, password: string): Promise<void> {
  const { directory, bin, user } = settings;
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chmod(directory, 0o700);
  await give(settings, [directory, passwordFile]);
  const args = [
    '-D',
    join(directory, 'data'),
    '--no-sync',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
  ];
  const locale = ['--encoding=UTF8', '--locale=C', `--username=${user}`];
  await run(...asServer(settings, 'QUIT', [join(bin, 'initdb'), ...args, ...locale]), { cwd: directory });
}

async function demandTls(settings: Settings, { ca, certified }: DemandedTls): Promise<void> {
  const { directory, user } = settings;
  const data = join(directory, 'data');
  const files = { 'ca.crt': ca.ca, 'server.crt': ca.server.cert, 'server.key': ca.server.key };
  for (const [name, source] of Object.entries(files)) await copyFor(settings, source, join(data, name));
  const rules = [
    `host all ${user} 127.0.0.1/32 scram-sha-256`,
    `hostssl all ${certified} 127.0.0.1/32 scram-sha-256 clientcert=verify-full`,
    'hostssl all all 127.0.0.1/32 scram-sha-256',
  ];
  await writeFile(join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`);
  const lines = [
    'ssl = on',
    "ssl_cert_file = 'server.crt'",
    "ssl_key_file = 'server.key'",
    "ssl_ca_file = 'ca.crt'",
  ];
  await appendFile(join(data, 'postgresql.conf'), `${lines.join('\n')}\n`);
}

/** Resolves once it takes connections; otherwise throws what it printed. */
async function launch(settings: Settings, port: number): Promise<ChildProcess> {
  const { directory, bin } = settings;
  const options = Object.entries({
    listen_addresses: '127.0.0.1',
    unix_socket_directories: directory,
    fsync: 'off',
    full_page_writes: 'off',
    shared_buffers: '64MB',
    max_connections: '100',
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startServer({
    command: asServer(settings, 'QUIT', [
      join(bin, 'postgres'),
      '-D',
      join(directory, 'data'),
      '-p',
      String(port),
      ...options,
    ]),
    directory,
    ready: 'ready to accept connections',
  });
}
