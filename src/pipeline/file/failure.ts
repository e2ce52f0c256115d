import { BackupDataError } from '../../shared/errors.ts';
import { errnoOf } from '../storage/local-failure.ts';

/** Runs file operations for `path`; a failure of the file system becomes one sentence that names it. Any other passes as it is. */
export async function guardedFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFailure(path, error);
  }
}

export function fileFailure(path: string, error: unknown): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const [kind, message, hint] = sentences(path)[code] ?? [
    'STORAGE_UNAVAILABLE',
    `${path} could not be written: ${code}`,
    'Check the disk or mount that holds it.',
  ];
  return new BackupDataError(kind, message, { hint, cause: error });
}

type Sentence = readonly ['STORAGE_FULL' | 'USAGE', string, string];

function sentences(path: string): Readonly<Record<string, Sentence>> {
  const full: Sentence = [
    'STORAGE_FULL',
    `there is no space left for ${path}`,
    'Free space there, or write to another disk.',
  ];
  const forbidden: Sentence = [
    'USAGE',
    `${path} may not be written by this user`,
    'Name a place where you may write.',
  ];
  return {
    ENOSPC: full,
    EDQUOT: full,
    EFBIG: ['STORAGE_FULL', `${path} may not grow as large as it must`, 'Write to a disk that allows it.'],
    EACCES: forbidden,
    EPERM: forbidden,
    EROFS: ['USAGE', `${path} is on a disk that is mounted read-only`, 'Name a place on another disk.'],
    ENOENT: ['USAGE', `the folder above ${path} does not exist`, 'Make it first, or name another place.'],
    ENOTDIR: ['USAGE', `what is above ${path} is no folder`, 'Name a place in a folder.'],
    ENAMETOOLONG: ['USAGE', `the name ${path} is too long`, 'Name a shorter one.'],
    ELOOP: ['USAGE', `a symbolic link in ${path} leads to itself`, 'Name a place without it.'],
  };
}
