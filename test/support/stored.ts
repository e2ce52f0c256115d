import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseFolder, manifestKey } from '../../src/pipeline/catalog/keys.ts';
import { databaseOf } from '../../src/shared/ids.ts';
import type { Installation } from './installation.ts';

type Place = Pick<Installation, 'backups'>;

/** How many bytes of a run are in the storage, finished or not. */
export async function storedBytes(place: Place, backupId: string): Promise<number> {
  const folder = runFolder(place, backupId);
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(names.map((name) => fileSize(join(folder, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Whether an attempt of the run has stored all of its parts: RESTORE.md is the last of them. Looks at once. */
export function everyPartIsStored(place: Place, backupId: string): boolean {
  const folder = runFolder(place, backupId);
  return (
    existsSync(folder) &&
    readdirSync(folder).some((attempt) => existsSync(join(folder, attempt, 'RESTORE.md')))
  );
}

/** Whether the run is committed. Looks at once. */
export function manifestIsStored({ backups }: Place, backupId: string): boolean {
  return existsSync(join(backups, manifestKey(backupId)));
}

/** The SHA-256 of every file in the storage by its key, but for the marks that verifications leave, finished or not. */
export async function storedDigests({
  backups,
  stored,
}: Pick<Installation, 'backups' | 'stored'>): Promise<Map<string, string>> {
  const keys = (await stored()).filter((key) => !key.includes('.verified-'));
  const entries = keys.map(async (key) => [key, await digestOf(join(backups, key))] as const);
  return new Map(await Promise.all(entries));
}

function runFolder({ backups }: Place, backupId: string): string {
  return join(backups, databaseFolder(databaseOf(backupId)), 'data', backupId);
}

/** 0 for a folder, and for a file that went away. */
async function fileSize(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() ? stats.size : 0;
}

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
