import { join } from 'node:path';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { EngineContext, PartCheck } from '../engine.ts';
import { fileWriter } from '../system-programs.ts';
import { checkRdb } from './rdb-file.ts';
import { needProgram } from './tools.ts';

/** Writes the RDB to a file, because redis-check-rdb reads nothing else, and has it read to its end. */
export async function check(
  { kind }: ManifestPart,
  { estimatedSourceBytes }: Manifest,
  context: EngineContext,
): Promise<PartCheck | null> {
  if (kind !== 'data') return null;
  await needProgram('check-rdb', context);
  const writer = await fileWriter(context);
  const folder = await openTemporaryFolder({ bytes: estimatedSourceBytes, now: new Date() });
  const path = join(folder.path, 'dump.rdb');
  return {
    stage: writer(path),
    finish: async () => {
      await checkRdb(path, context);
    },
    close: folder.remove,
  };
}
