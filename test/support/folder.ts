import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new empty folder for one test, by its real path; removed afterwards whatever happens. */
export async function withFolder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'backupdata-test-')));
  try {
    return await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** Every file below a folder, relative to it, sorted; none where there is no folder. */
export async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();
}
