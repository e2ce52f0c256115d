import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
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
import { statements } from './mariadb-client.ts';
import { onFreePort } from './ports.ts';
import type { TestCa } from './tls.ts';

const run = promisify(execFile);

/** A MariaDB for tests, on a loopback port, whose users need passwords. Host names are not looked up. */
export interface TestMariadb {
  port: number;
  /** Of a user who may do everything, without a database. */
  adminUrl: string;
  /** The administrator's, unless a user and a password are given. */
  url(database: string, user?: string, password?: string): string;
  /** An empty database of a name that nothing else has. It goes when the server, or its use by this file, is stopped. */
  createDatabase(): Promise<string>;
  /** A name that nothing else has, for a database or a user; what bears it is dropped by `stop`. */
  uniqueName(): string;
  /** Ends it at once and removes its data; a shared server stays. Harmless twice. */
  stop(): Promise<void>;
}

/** A server of its own; `options` are more of the server's, as `--name=value`; with `tls` it encrypts, if it is asked to. */
export async function startMariadb({
  options = [],
  tls,
}: {
  options?: readonly string[];
  tls?: Pick<TestCa, 'ca' | 'server'>;
} = {}): Promise<TestMariadb> {
  const programs = await findPrograms();
  const directory = await mkdtemp(join(tmpdir(), 'mariadb-'));
  const user = await unprivileged('nobody');
  const encrypting = tls ? await copyCertificates(tls, directory, user) : [];
  const settings = { directory, options: [...encrypting, ...options], ...programs, ...user };
  const password = randomBytes(16).toString('hex');
  try {
    await initialize(settings, password);
    const { port, server } = await onFreePort((free) => launch(settings, free));
    const adminUrl = `mariadb://admin:${password}@127.0.0.1:${port}/`;
    return { ...client(adminUrl), stop: () => endServer(server, directory, 'SIGKILL') };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** The server whose administrator's URL is in BACKUPDATA_TEST_MARIADB; where that is not set, one of its own. */
export async function sharedMariadb(): Promise<TestMariadb> {
  const adminUrl = process.env.BACKUPDATA_TEST_MARIADB;
  return adminUrl === undefined ? startMariadb() : client(adminUrl);
}

function client(adminUrl: string): TestMariadb {
  const names = createNames();
  const url: TestMariadb['url'] = (...on) => urlOn(adminUrl, ...on);
  const createDatabase = async (): Promise<string> => {
    const name = names.next();
    await statements(adminUrl, `CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`);
    return name;
  };
  const stop = async (): Promise<void> => {
    const drops = names
      .take()
      .map((name) => `DROP DATABASE IF EXISTS ${name}; DROP USER IF EXISTS ${name}@'%';`);
    if (drops.length > 0) await statements(adminUrl, drops.join('\n'));
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
  options: readonly string[];
  server: string;
  installer: string;
}

async function findPrograms(): Promise<{ server: string; installer: string }> {
  const usual = ['/usr/sbin', '/usr/bin', '/opt/homebrew/opt/mariadb/bin', '/usr/local/opt/mariadb/bin'];
  const tools = createTools({ path: process.env.PATH ?? '', only: undefined });
  const [server] = await tools.findAll('mariadbd', usual);
  const [installer] = await tools.findAll('mariadb-install-db', usual);
  if (server && installer) return { server, installer };
  throw new Error(
    'MariaDB is not installed: run script/bootstrap (on Debian `apt-get install mariadb-server-core mariadb-client`, on macOS `brew install mariadb`)',
  );
}

async function copyCertificates(
  { ca, server }: Pick<TestCa, 'ca' | 'server'>,
  directory: string,
  user: ServerUser,
): Promise<string[]> {
  const files = { 'ssl-ca': ca, 'ssl-cert': server.cert, 'ssl-key': server.key };
  const options: string[] = [];
  for (const [option, file] of Object.entries(files)) {
    const copy = join(directory, option);
    await copyFor(user, file, copy);
    options.push(`--${option}=${copy}`);
  }
  return options;
}

/** The administrator takes the place of the users that an installation makes by itself. */
async function initialize(settings: Settings, password: string): Promise<void> {
  const { directory, installer, server } = settings;
  const first = join(directory, 'first.sql');
  await writeFile(first, firstStatements(password), { mode: 0o600 });
  await chmod(directory, 0o700);
  await give(settings, [directory, first]);
  const args = ['--no-defaults', `--datadir=${join(directory, 'data')}`, '--skip-test-db', ...quick];
  const [program, all] = asServer(settings, 'KILL', [
    installer,
    ...args,
    '--auth-root-authentication-method=normal',
    '--skip-name-resolve',
  ]);
  const PATH = [dirname(server), process.env.PATH].join(':');
  await run(program, all, { cwd: directory, env: { ...process.env, PATH, TMPDIR: directory } });
}

function firstStatements(password: string): string {
  return [
    "DELETE FROM mysql.global_priv WHERE User IN ('', 'root');",
    'FLUSH PRIVILEGES;',
    `CREATE USER IF NOT EXISTS admin@'%' IDENTIFIED BY '${password}';`,
    "GRANT ALL PRIVILEGES ON *.* TO admin@'%' WITH GRANT OPTION;",
  ].join('\n');
}

/** What a crash of the machine would lose matters to no test. */
const quick = ['--innodb-log-file-size=16M', '--innodb-flush-log-at-trx-commit=0'];

/** Resolves once it takes connections; otherwise throws what it printed. */
async function launch(settings: Settings, port: number): Promise<ChildProcess> {
  const { directory, server: program, options } = settings;
  const args = [
    ...[
      '--no-defaults',
      `--datadir=${join(directory, 'data')}`,
      `--init-file=${join(directory, 'first.sql')}`,
    ],
    ...['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(directory, 'socket')}`],
    ...['--skip-name-resolve', '--skip-log-bin', '--innodb-buffer-pool-size=64M', '--max-connections=100'],
    ...quick,
    ...options,
  ];
  return startServer({
    command: asServer(settings, 'KILL', [program, ...args]),
    directory,
    // The folder for temporary files is the tests' own, and another user's.
    env: { ...process.env, TMPDIR: directory },
    ready: 'ready for connections',
  });
}
