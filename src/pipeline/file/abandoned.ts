import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Milliseconds; longer than a run may sensibly take. */
const abandonedAfter = 2 * 86_400_000;

/** Where folders of one purpose lie, and what their names begin with. */
export interface FolderKind {
  root: string;
  prefix: string;
}

/** Makes one, mode 0700, whose name tells which process it belongs to. */
export function makeOwnFolder({ root, prefix }: FolderKind): Promise<string> {
  return mkdtemp(join(root, `${prefix}${process.pid}-`));
}

/**
 * Removes those that processes left which died days before `now`; never throws. Processes of other containers share
 * neither numbers nor, as a rule, the folder: age decides as well.
 */
export async function removeAbandoned({ root, prefix }: FolderKind, now: Date): Promise<void> {
  for (const name of await readdir(root).catch(() => [])) {
    const pid = name.startsWith(prefix) ? /^(\d+)-/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid === undefined || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue;
    await removeOld(join(root, name), lastMoment(Number(pid), now)).catch(() => undefined);
  }
}

/** In a container that is started anew a process has the number of the one that died: what is older than itself is not its own. */
function lastMoment(pid: number, now: Date): number {
  const days = now.getTime() - abandonedAfter;
  return pid === process.pid ? Math.min(days, performance.timeOrigin) : days;
}

async function removeOld(path: string, before: number): Promise<void> {
  const { mtimeMs } = await stat(path);
  if (mtimeMs < before) await rm(path, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process answers with EPERM.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
