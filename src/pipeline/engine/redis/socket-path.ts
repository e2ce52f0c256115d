import { join } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';

/** Bytes that the path of a Unix socket may have on every system; redis-cli silently cuts a longer one. */
const longest = 103;

/** The path of a socket in a temporary folder. CONFIG_INVALID when it is too long for one. */
export function socketIn(folder: string, name: string): string {
  const path = join(folder, name);
  if (Buffer.byteLength(path) <= longest) return path;
  throw new BackupDataError('CONFIG_INVALID', `the path is too long for a Unix socket: ${path}`, {
    hint: 'Set TMPDIR to a folder with a shorter path.',
  });
}
