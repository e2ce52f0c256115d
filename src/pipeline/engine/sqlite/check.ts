import { join } from 'node:path';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { EngineContext, PartCheck } from '../engine.ts';
import { fileWriter } from '../system-programs.ts';
import { checkDatabase } from './database-file.ts';
import { needSqlite } from './tools.ts';

/** Writes the database to a file, because sqlite3 reads nothing else, and has every page and index of it read. */
export async function check(
  { kind }: ManifestPart,
  { estimatedSourceBytes }: Manifest,
  context: EngineContext,
): Promise<PartCheck | null> {
  if (kind !== 'data') return null;
  await needSqlite(context);
  const writer = await fileWriter(context);
  const folder = await openTemporaryFolder({ bytes: estimatedSourceBytes, now: new Date() });
  const path = join(folder.path, 'check.db');
  return {
    stage: writer(path),
    finish: () => checkDatabase({ path, depth: 'integrity_check' }, context),
    close: folder.remove,
  };
}
