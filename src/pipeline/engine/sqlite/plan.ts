import { join } from 'node:path';
import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { sizeOf } from '../../file/siblings.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import { StageFailure } from '../../process/failure.ts';
import type { DumpPlan, EngineContext, Inspection, PreparedPart } from '../engine.ts';
import { countsPart, encodeRowCounts, type RowCounts } from '../row-counts.ts';
import { sourceFor } from '../source.ts';
import { fileReader } from '../system-programs.ts';
import { checkDatabase } from './database-file.ts';
import { signature } from './header.ts';
import { countRows } from './row-counts.ts';
import { copyDatabase } from './source-file.ts';

export const dataPart = 'data.db';

/** A copy as of one moment, in a file first: SQLite can write no other, and only a whole file can be checked. */
export async function plan(
  database: DatabaseConfig,
  inspection: Inspection,
  context: EngineContext,
): Promise<DumpPlan> {
  const source = sourceFor(database, ['sqlite']).path;
  const read = await fileReader(context);
  const folder = await openTemporaryFolder({ bytes: inspection.estimatedSourceBytes, now: new Date() });
  const path = join(folder.path, dataPart);
  // The parts are made at the same time, and all of the same copy.
  let copying: Promise<void> | undefined;
  const copied = (signal: AbortSignal): Promise<void> => {
    copying ??= copyTo({ path, source }, { ...context, signal });
    return copying;
  };
  const prepareData = async (signal: AbortSignal): Promise<PreparedPart> => {
    await copied(signal);
    const meanwhile = (stopped: AbortSignal) =>
      requireSound({ path, source }, { ...context, signal: stopped });
    return { stage: read(path), meanwhile };
  };
  const prepareCounts = async (signal: AbortSignal): Promise<PreparedPart> => {
    await copied(signal);
    return { bytes: encodeRowCounts(await countCopy(path, { ...context, signal })) };
  };
  const counts = { name: countsPart, kind: 'counts', source: prepareCounts } as const;
  return {
    parts: [
      { name: dataPart, kind: 'data', source: prepareData, signature },
      ...(database.verify.counts === 'exact' ? [counts] : []),
    ],
    close: folder.remove,
  };
}

async function copyTo(
  { path, source }: { path: string; source: string },
  context: EngineContext,
): Promise<void> {
  await copyDatabase({ from: source, to: path }, context);
  if (!(await sizeOf(path))) throw notSound(source, 'sqlite3 ended well and wrote nothing');
}

/** The pages are copied as they are: what is wrong with the copy is wrong with the source. */
async function requireSound(
  { path, source }: { path: string; source: string },
  context: EngineContext,
): Promise<void> {
  try {
    await checkDatabase({ path, depth: 'quick_check' }, context);
  } catch (error) {
    throw error instanceof StageFailure ? notSound(source, error.message, error) : error;
  }
}

async function countCopy(path: string, context: EngineContext): Promise<RowCounts> {
  try {
    return await countRows(path, context);
  } catch (error) {
    throw error instanceof StageFailure ? notSound(path, error.message, error) : error;
  }
}

function notSound(source: string, reason: string, cause?: Error): BackupDataError {
  return new BackupDataError('DUMP_FAILED', `the copy of ${source} is not sound: ${reason}`, {
    hint: 'Run PRAGMA integrity_check on the database; it may be damaged. Keep the last good backup.',
    cause,
  });
}
