import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import type { ManifestPart } from '../../../shared/manifest.ts';
import type { EngineContext, PartCheck } from '../engine.ts';
import { checkedBy } from '../part-check.ts';
import { sourceFor } from '../source.ts';
import { stageOf } from './programs.ts';

/** The operator's own `check`, where the database is still configured and has one. */
export async function check(
  { part, database }: { part: ManifestPart; database: DatabaseConfig | undefined },
  context: EngineContext,
): Promise<PartCheck | null> {
  if (part.kind !== 'data' || database?.engine !== 'command') return null;
  const source = sourceFor(database, ['command']);
  if (!source.check) return null;
  const variables = { BACKUPDATA_DATABASE: database.name };
  return checkedBy(await stageOf(source.check, source, { ...context, variables }));
}
