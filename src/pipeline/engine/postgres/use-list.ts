import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TocEntry } from './toc.ts';

/** A file for `pg_restore --use-list`, which nobody else may read. */
export interface UseList {
  path: string;
  /** Harmless twice; never throws. */
  remove(): Promise<void>;
}

export async function writeUseList(entries: readonly TocEntry[]): Promise<UseList> {
  const directory = await mkdtemp(join(tmpdir(), 'backupdata-list-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true }).catch(() => undefined);
  const path = join(directory, 'restore.list');
  try {
    await writeFile(path, entries.map((entry) => `${entry.line}\n`).join(''), { mode: 0o600 });
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, remove };
}
