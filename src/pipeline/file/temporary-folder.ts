import { rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { formatBytes } from '../../shared/config/units.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { makeOwnFolder, removeAbandoned } from './abandoned.ts';

const prefix = 'backupdata-work-';

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
  await removeAbandoned({ root, prefix }, now);
  try {
    await requireRoom(root, bytes);
    const path = await makeOwnFolder({ root, prefix });
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
