import { BackupDataError } from '../../shared/errors.ts';

/** A local storage's name in the configuration and its absolute root. */
export interface LocalPlace {
  storage: string;
  root: string;
}

/**
 * Runs file operations of a local storage; a failure of the file system becomes STORAGE_FULL or STORAGE_UNAVAILABLE
 * with a hint. Any other error, such as the body's own, passes as it is.
 */
export async function guarded<T>(place: LocalPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw localFailure(place, error);
  }
}

export function localFailure(place: LocalPlace, error: unknown): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const where = `the storage ${place.storage} (${place.root})`;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const limit = code === 'ENOSPC' ? 'has no space left' : 'has reached its disk quota';
    return new BackupDataError('STORAGE_FULL', `${where} ${limit}`, {
      hint: `Free or add space below ${place.root}, or retire old backups with \`backupdata prune\`.`,
      cause: error,
    });
  }
  const trouble = troubles[code] ?? {
    what: `failed with ${code}`,
    hint: 'Check the disk or mount that holds it.',
  };
  return new BackupDataError('STORAGE_UNAVAILABLE', `${where} ${trouble.what}`, {
    hint: trouble.hint,
    cause: error,
  });
}

export function notFound(place: LocalPlace, key: string): BackupDataError {
  return new BackupDataError('OBJECT_NOT_FOUND', `the storage ${place.storage} has no object ${key}`, {
    hint: 'List what it holds with `backupdata list`.',
  });
}

/** The system's name of a failed file operation (`ENOENT`), or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The work's result, or undefined when it failed with one of `codes`. */
export async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

const access = {
  what: 'may not be used by this user',
  hint: 'Give the user that runs this process read and write access to that folder.',
};
const troubles: Readonly<Record<string, { what: string; hint: string }>> = {
  EACCES: access,
  EPERM: access,
  EROFS: {
    what: 'is mounted read-only',
    hint: 'Mount it read-write; the system log says why if it turned read-only by itself.',
  },
  ENOENT: {
    what: 'has no folder',
    hint: 'Create the folder above it, or mount the volume that it belongs to.',
  },
  ENOTDIR: { what: 'is not a folder', hint: 'Point the storage at a folder.' },
  EIO: {
    what: 'failed to read or write',
    hint: 'Check the disk or mount that holds it; the system log names the device.',
  },
  ESTALE: { what: 'is a network mount that went away', hint: 'Mount it again.' },
};
