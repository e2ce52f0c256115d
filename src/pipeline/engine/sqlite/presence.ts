import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../../shared/manifest.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, PartReader } from '../engine.ts';
import { fileWriter } from '../system-programs.ts';
import { linesOf } from './shell.ts';

export interface PresenceRequest {
  manifest: Manifest;
  parts: PartReader;
  /** Where the part can be written for a while. */
  folder: string;
  /** The restored database. */
  path: string;
}

/** What the schema of the stored part names and the restored file lacks, as `table orders`. */
export async function missingObjects(
  { manifest, parts, folder, path }: PresenceRequest,
  context: EngineContext,
): Promise<readonly string[]> {
  const stored = join(folder, 'stored.db');
  const writer = await fileWriter(context);
  try {
    await parts.collect(dataPartOf(manifest), writer(stored));
    const present = new Set(await objectsIn(path, context));
    return (await objectsIn(stored, context)).filter((each) => !present.has(each));
  } finally {
    await rm(stored, { force: true });
  }
}

function objectsIn(path: string, context: EngineContext): Promise<string[]> {
  return linesOf({ path, sql: "SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1" }, context);
}
