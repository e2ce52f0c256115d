import { join } from 'node:path';
import type { Manifest } from '../../../shared/manifest.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { StageFailure } from '../../process/failure.ts';
import type { EngineContext, Scratch } from '../engine.ts';
import { refute } from './assertion.ts';
import { missingObjects } from './presence.ts';
import { countRows } from './row-counts.ts';
import { needSqlite } from './tools.ts';

/** A folder of this machine to restore the file to. TOOL_MISSING, DISK_FULL. */
export async function openScratch(
  { manifest, at }: { manifest: Manifest; at: Date },
  context: EngineContext,
): Promise<Scratch> {
  const { version } = await needSqlite(context);
  const folder = await openTemporaryFolder({ bytes: manifest.estimatedSourceBytes, now: at });
  const path = join(folder.path, 'restored.db');
  return {
    target: { source: null, database: path },
    serverVersion: version,
    blames: wasRefused,
    missing: ({ manifest: backup, parts }) =>
      missingObjects({ manifest: backup, parts, folder: folder.path, path }, context),
    count: () => countRows(path, context),
    refute: (assertion) => refute(assertion, path, context),
    drop: async () => {
      await folder.remove();
      return undefined;
    },
  };
}

/** sqlite3 said that the file is no sound database. */
function wasRefused({ exits }: StageFailure): boolean {
  return exits.some(
    ({ program, code, stopped }) => /\/sqlite3$/.test(program) && !stopped && code !== null && code !== 0,
  );
}
