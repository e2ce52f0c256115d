import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, chown, copyFile, glob, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import pg from 'pg';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { freePort } from './ports.ts';
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
    ...(await unprivileged()),
    user: options.databaseUser ?? 'admin',
  };
  const password = randomBytes(16).toString('hex');
  try {
    await initialize(settings, password);
    if (options.tls) await demandTls(settings, options.tls);
    const { port, server } = await launchOnFreePort(settings);
    const adminUrl = `postgres://${settings.user}:${password}@127.0.0.1:${port}/postgres`;
    return { ...client(adminUrl), stop: () => end(server, directory) };
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
  const names: string[] = [];
  const admin = new URL(adminUrl);
  const url: TestPostgres['url'] = (database, user, password) => {
    const changed = new URL(adminUrl);
    changed.pathname = `/${encodeURIComponent(database)}`;
    if (user !== undefined) changed.username = encodeURIComponent(user);
    if (password !== undefined) changed.password = encodeURIComponent(password);
    return changed.href;
  };
  const uniqueName = (): string => {
    const name = `test_${randomBytes(6).toString('hex')}`;
    names.push(name);
    return name;
  };
  const createDatabase = async (): Promise<string> => {
    const name = uniqueName();
    await query(adminUrl, `CREATE DATABASE ${name} TEMPLATE template0`);
    return name;
  };
  const stop = async (): Promise<void> => {
    const used = names.splice(0);
    for (const name of used) await query(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    for (const name of used) await query(adminUrl, `DROP ROLE IF EXISTS ${name}`);
  };
  return { port: Number(admin.port), adminUrl, url, uniqueName, createDatabase, stop };
}

interface Settings {
  directory: string;
  user: string;
  /** The folder of the server's programs. */
  bin: string;
  /** Whom PostgreSQL runs as: it refuses to run as root. */
  uid: number | undefined;
  gid: number | undefined;
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

async function unprivileged(): Promise<Pick<Settings, 'uid' | 'gid'>> {
  if (process.getuid?.() !== 0) return { uid: undefined, gid: undefined };
  const [user, group] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(user.stdout), gid: Number(group.stdout) };
}

/** On Linux a test process that is killed takes its servers with it. */
function asServer({ uid, gid }: Settings, program: string, args: readonly string[]): [string, string[]] {
  if (process.platform !== 'linux') return [program, [...args]];
  const user = uid === undefined ? [] : ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return ['setpriv', [...user, '--pdeathsig', 'QUIT', '--', program, ...args]];
}

async function initialize(settings: Settings, password: string): Promise<void> {
  const { directory, bin, uid, gid, user } = settings;
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chmod(directory, 0o700);
  if (uid !== undefined && gid !== undefined) {
    await Promise.all([directory, passwordFile].map((path) => chown(path, uid, gid)));
  }
  const args = [
    '-D',
    join(directory, 'data'),
    '--no-sync',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
  ];
  const locale = ['--encoding=UTF8', '--locale=C', `--username=${user}`];
  await run(...asServer(settings, join(bin, 'initdb'), [...args, ...locale]), { cwd: directory });
}

/** PostgreSQL wants to own its key. */
async function demandTls(
  { directory, user, uid, gid }: Settings,
  { ca, certified }: DemandedTls,
): Promise<void> {
  const data = join(directory, 'data');
  const files = { 'ca.crt': ca.ca, 'server.crt': ca.server.cert, 'server.key': ca.server.key };
  for (const [name, source] of Object.entries(files)) {
    await copyFile(source, join(data, name));
    if (uid !== undefined && gid !== undefined) await chown(join(data, name), uid, gid);
  }
  const rules = [
    `host all ${user} 127.0.0.1/32 scram-sha-256`,
    `hostssl all ${certified} 127.0.0.1/32 scram-sha-256 clientcert=verify-full`,
    'hostssl all all 127.0.0.1/32 scram-sha-256',
  ];
  await writeFile(join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`);
  const settings = [
    'ssl = on',
    "ssl_cert_file = 'server.crt'",
    "ssl_key_file = 'server.key'",
    "ssl_ca_file = 'ca.crt'",
  ];
  await appendFile(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`);
}

/** Another process may take a port between its choice and its use. */
async function launchOnFreePort(settings: Settings): Promise<{ port: number; server: ChildProcess }> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    try {
      return { port, server: await launch(settings, port) };
    } catch (error) {
      if (tries === 5 || !/in use/i.test(String(error))) throw error;
    }
  }
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
  const [program, args] = asServer(settings, join(bin, 'postgres'), [
    '-D',
    join(directory, 'data'),
    '-p',
    String(port),
    ...options,
  ]);
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: directory });
  const printed: string[] = [];
  server.once('error', (error) => printed.push(error.message));
  const ready = await readUntil(server.stderr, 'ready to accept connections', printed);
  if (!ready) throw new Error(`postgres did not start: ${printed.slice(-5).join('\n')}`);
  server.stderr.resume();
  return server;
}

/** Whether the text came before the end of the stream; the lines up to it go into `lines`. */
async function readUntil(input: Readable, text: string, lines: string[]): Promise<boolean> {
  const reader = createInterface({ input });
  for await (const line of reader) {
    lines.push(line);
    if (line.includes(text)) return true;
  }
  return false;
}

async function end(server: ChildProcess, directory: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const gone = once(server, 'exit');
    server.kill('SIGQUIT');
    await gone;
  }
  await rm(directory, { recursive: true, force: true });
}
