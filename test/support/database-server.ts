import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, copyFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whom a database server runs as, where the tests run as root: it refuses to run as root. */
export interface ServerUser {
  uid: number | undefined;
  gid: number | undefined;
}

export async function unprivileged(name: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return { uid: undefined, gid: undefined };
  const [user, group] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
  return { uid: Number(user.stdout), gid: Number(group.stdout) };
}

/** Gives files of the tests to the server's user. */
export async function give({ uid, gid }: ServerUser, paths: readonly string[]): Promise<void> {
  if (uid === undefined || gid === undefined) return;
  await Promise.all(paths.map((path) => chown(path, uid, gid)));
}

/** Servers want to own their keys, or at least to read them. */
export async function copyFor(user: ServerUser, from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await give(user, [to]);
}

/** A program, run as the server's user. On Linux a test process that is killed takes it with it. */
export function asServer(
  { uid, gid }: ServerUser,
  signal: 'KILL' | 'QUIT',
  [program, ...args]: readonly [string, ...string[]],
): [string, string[]] {
  if (process.platform !== 'linux') return [program, args];
  const user = uid === undefined ? [] : ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return ['setpriv', [...user, '--pdeathsig', signal, '--', program, ...args]];
}

/** Resolves once the server prints that it is ready; otherwise throws what it printed. */
export async function startServer({
  command: [program, args],
  directory,
  env,
  ready,
}: {
  command: [string, string[]];
  directory: string;
  env?: NodeJS.ProcessEnv;
  ready: string;
}): Promise<ChildProcess> {
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: directory, env });
  const printed: string[] = [];
  server.once('error', (error) => printed.push(error.message));
  for await (const line of createInterface({ input: server.stderr })) {
    printed.push(line);
    if (!line.includes(ready)) continue;
    server.stderr.resume();
    return server;
  }
  throw new Error(`${args.join(' ')} did not start: ${printed.slice(-8).join('\n')}`);
}

export async function endServer(
  server: ChildProcess,
  directory: string,
  signal: 'SIGKILL' | 'SIGQUIT',
): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const gone = once(server, 'exit');
    server.kill(signal);
    await gone;
  }
  await rm(directory, { recursive: true, force: true });
}

/** The administrator's URL with another database, and where they are given another user and password. */
export function urlOn(adminUrl: string, database: string, user?: string, password?: string): string {
  const changed = new URL(adminUrl);
  changed.pathname = `/${encodeURIComponent(database)}`;
  if (user !== undefined) changed.username = encodeURIComponent(user);
  if (password !== undefined) changed.password = encodeURIComponent(password);
  return changed.href;
}

/** Gives names that nothing else on a shared server has; `take` tells which, once. */
export function createNames(): { next(): string; take(): readonly string[] } {
  const names: string[] = [];
  return {
    next: () => {
      const name = `test_${randomBytes(6).toString('hex')}`;
      names.push(name);
      return name;
    },
    take: () => names.splice(0),
  };
}
