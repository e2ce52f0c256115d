import { mkdtemp, readdir, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '../../shared/config/units.ts';
import { BackupDataError } from '../../shared/errors.ts';

const prefix = 'backupdata-work-';

/** Milliseconds; longer than a run may sensibly take. */
const abandonedAfter = 2 * 86_400_000;

/** A folder for large temporary files, which only this user can enter. */
export interface TemporaryFolder {
  path: string;
  /** With everything in it. Harmless twice; never throws. */
  remove(): Promise<void>;
}

/**
 * Makes a folder below TMPDIR, which must have room for `bytes`, and removes those that processes left there which died
 * days before `now`. DISK_FULL when there is not enough room, or no folder can be made.
 */
export async function openTemporaryFolder({
  bytes,
  now,
}: {
  bytes: number;
  now: Date;
}): Promise<TemporaryFolder> {
  const root = tmpdir();
  await removeAbandoned(root, now).catch(() => undefined);
  try {
    await requireRoom(root, bytes);
    const path = await mkdtemp(join(root, `${prefix}${process.pid}-`));
    return { path, remove: () => rm(path, { recursive: true, force: true }).catch(() => undefined) };
  } catch (cause) {
    if (cause instanceof BackupDataError) throw cause;
    throw new BackupDataError('DISK_FULL', `no temporary folder can be made below ${root}`, {
      hint: 'Set TMPDIR to a folder that this process can write to.',
      cause,
    });
  }
}

async function requireRoom(root: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new BackupDataError(
    'DISK_FULL',
    `${formatBytes(bytes)} are needed for a while below ${root}, and ${formatBytes(free)} are free`,
    { hint: 'Make room there, or set TMPDIR to a folder on a larger disk.' },
  );
}

/** Processes of other containers share neither numbers nor, as a rule, the folder: age decides as well. */
async function removeAbandoned(root: string, now: Date): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = /^backupdata-work-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(root, name);
    const { mtimeMs } = await stat(path);
    if (now.getTime() - mtimeMs > abandonedAfter) await rm(path, { recursive: true, force: true });
  }
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
