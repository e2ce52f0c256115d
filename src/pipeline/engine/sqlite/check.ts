import { join } from 'node:path';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { EngineContext, PartCheck } from '../engine.ts';
import { fileWriter } from '../system-programs.ts';
import { checkCopy } from './copy-check.ts';
import { needSqlite } from './tools.ts';

/** Writes the decoded part to a file, because sqlite3 reads nothing else, and looks whether that is whole. */
export async function check(
  { kind }: ManifestPart,
  { estimatedSourceBytes, restore }: Manifest,
  context: EngineContext,
): Promise<PartCheck | null> {
  if (kind !== 'data') return null;
  await needSqlite(context, restore.minToolVersion);
  const writer = await fileWriter(context);
  const folder = await openTemporaryFolder({ bytes: estimatedSourceBytes, now: new Date() });
  const path = join(folder.path, 'data.db');
  return {
    stage: writer(path),
    finish: () => checkCopy(path, context),
    close: folder.remove,
  };
}
