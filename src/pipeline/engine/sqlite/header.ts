import { BackupDataError } from '../../../shared/errors.ts';
import { readStart } from '../../file/read-start.ts';

/** How every database begins. */
export const signature = Buffer.from('SQLite format 3\0');

const headerLength = 100;

/** What the first bytes of a database say. */
export interface Header {
  /** Of the file itself, without what is still in its WAL. */
  bytes: number;
  /** `3.40.1`: of the library that wrote to it last; empty where none wrote it down. */
  writtenBy: string;
  /** Whether it is in WAL mode. */
  wal: boolean;
}

/**
 * Reads the header, which sqlite3 must not be asked for: it makes a file that is missing. DATABASE_MISSING,
 * DATABASE_PERMISSION, or CONFIG_INVALID for what is no database of SQLite.
 */
export async function readHeader(path: string): Promise<Header> {
  const found = await readStart(path, headerLength);
  if ('errno' in found) throw unreadable(path, found.errno);
  const { start, size, isFile } = found;
  if (!isFile) throw noDatabase(path, 'is not a file');
  if (size === 0) throw noDatabase(path, 'is empty');
  if (start.length < headerLength || !start.subarray(0, signature.length).equals(signature))
    throw noDatabase(path, 'is not a database of SQLite: it begins otherwise');
  return { bytes: size, writtenBy: versionIn(start), wal: start[18] === 2 };
}

function versionIn(header: Buffer): string {
  const number = header.readUInt32BE(96);
  if (number === 0) return '';
  return [Math.floor(number / 1_000_000), Math.floor(number / 1_000) % 1_000, number % 1_000].join('.');
}

function noDatabase(path: string, reason: string): BackupDataError {
  return new BackupDataError('CONFIG_INVALID', `${path} ${reason}`, {
    hint: 'Name the file of the database itself. An encrypted one (SQLCipher, SEE) cannot be read by sqlite3: back it up by the engine command.',
  });
}

function unreadable(path: string, errno: string): BackupDataError {
  if (errno === 'ENOENT' || errno === 'ENOTDIR')
    return new BackupDataError('DATABASE_MISSING', `there is no file ${path}`, {
      hint: "Correct the database's path in the configuration, or mount the disk that holds it.",
    });
  if (errno === 'EACCES' || errno === 'EPERM')
    return new BackupDataError('DATABASE_PERMISSION', `${path} may not be read by this user`, {
      hint: 'Give the user of this process the right to read the file and to enter the folders above it.',
    });
  return new BackupDataError('DATABASE_UNREACHABLE', `${path} could not be read: ${errno}`, {
    hint: 'Check the disk or mount that holds it.',
  });
}
