import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { withFolder } from './folder.ts';

const run = promisify(execFile);

/**
 * A file system in memory that holds `bytes`; `use` gets its path. Only inside `describeOnSmallDisk`, which sees to
 * the right to mount one. Unmounted afterwards whatever happens.
 */
export async function withSmallDisk<T>(
  { bytes }: { bytes: number },
  use: (path: string) => Promise<T>,
): Promise<T> {
  return await withFolder(async (path) => {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'backupdata-test', path]);
    try {
      return await use(path);
    } finally {
      await run('umount', ['--lazy', path]);
    }
  });
}

/** Turns a small disk read-only, as the system does to a disk that failed. */
export async function makeReadOnly(path: string): Promise<void> {
  await run('mount', ['-o', 'remount,bind,ro', path]);
}

/**
 * Defines tests that mount disks. Root just runs them; anyone else runs `file` again as root of a user and mount
 * namespace of its own, where the same rights hold and no one else sees the mounts.
 */
export function describeOnSmallDisk(file: string, define: () => void): void {
  if (process.getuid?.() === 0) define();
  else runAgainAsRoot(file);
}

function runAgainAsRoot(file: string): void {
  it(`passes in a mount namespace of its own: ${file}`, async () => {
    // The inner run must report like a program of its own, not to this run's reporter.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const again = run('unshare', ['-Urm', process.execPath, '--test', file], { env });
    await again.catch((error: Error & { stdout?: string }) => {
      throw new Error(`${error.message}\n${error.stdout ?? ''}`, { cause: error });
    });
  });
}
