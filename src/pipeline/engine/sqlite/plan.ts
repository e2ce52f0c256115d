import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { DumpPlan, EngineContext, Inspection, PreparedPart } from '../engine.ts';
import { countsPart, encodeRowCounts } from '../row-counts.ts';
import { sourceFor } from '../source.ts';
import { fileReader } from '../system-programs.ts';
import { checkCopy } from './copy-check.ts';
import { failureOf } from './explain.ts';
import { signature } from './header.ts';
import { countRows } from './row-counts.ts';
import { commandText, runSql } from './run-sql.ts';

export const dataPart = 'data.db';

/** One moment of the database as a file of its own, checked, from which the parts are read. It is made when the first part is. */
export async function plan(
  database: DatabaseConfig,
  { estimatedSourceBytes }: Inspection,
  context: EngineContext,
): Promise<DumpPlan> {
  const { path } = sourceFor(database, ['sqlite']);
  const read = await fileReader(context);
  const folder = await openTemporaryFolder({ bytes: estimatedSourceBytes, now: new Date() });
  const copy = join(folder.path, dataPart);
  const copied = onceFor((signal) => copyTo(copy, path, { ...context, signal }));
  const counts = {
    name: countsPart,
    kind: 'counts' as const,
    source: async (signal: AbortSignal) => {
      await copied(signal);
      return { bytes: encodeRowCounts(await countRows(copy, { ...context, signal })) };
    },
  };
  const data = async (signal: AbortSignal): Promise<PreparedPart> => {
    await copied(signal);
    return { stage: read(copy) };
  };
  return {
    parts: [
      { name: dataPart, kind: 'data', source: data, signature },
      ...(database.verify.counts === 'exact' ? [counts] : []),
    ],
    close: folder.remove,
  };
}

/**
 * The pages as they are, read in one transaction, so that no writer makes the copy begin anew. A copy of the file itself
 * would lack what is in the write-ahead log and still pass every check; VACUUM INTO fails for some tables with generated
 * columns, numbers rows anew, and heals indexes, so that damage would not be noticed.
 */
async function copyTo(copy: string, path: string, context: EngineContext): Promise<void> {
  // sqlite3 fills an empty file, and would make one that others may read.
  await writeFile(copy, '', { flag: 'wx', mode: 0o600 });
  const begin = ['BEGIN', 'SELECT count(*) AS objects FROM sqlite_schema'];
  try {
    await runSql({ path, statements: [...begin, `.backup main ${commandText(copy)}`] }, context);
    await checkCopy(copy, context);
  } catch (error) {
    throw failureOf(error, { path, otherwise: 'DUMP_FAILED' });
  }
}

/** All parts wait for one copy; whose signal comes first stops it, and each is stopped when any other is. */
function onceFor(make: (signal: AbortSignal) => Promise<void>): (signal: AbortSignal) => Promise<void> {
  let made: Promise<void> | undefined;
  return (signal) => {
    made ??= make(signal);
    return made;
  };
}
