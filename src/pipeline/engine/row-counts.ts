import { z } from 'zod';
import { BackupDataError } from '../../shared/errors.ts';

/** The part of kind `counts`. */
export const countsPart = 'counts.json';

/** Rows by table. The names are the engine's, and the same wherever it counts. */
export type RowCounts = ReadonlyMap<string, number>;

const schema = z.record(z.string(), z.int().min(0));

/** One JSON object, a table a line, in the order of the names. */
export function encodeRowCounts(counts: RowCounts): Buffer {
  const sorted = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  return Buffer.from(`${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}

/** Reads what `encodeRowCounts` wrote. OBJECT_DAMAGED for anything else. */
export function decodeRowCounts(bytes: Buffer): RowCounts {
  try {
    return new Map(Object.entries(schema.parse(JSON.parse(bytes.toString('utf8')))));
  } catch (cause) {
    throw new BackupDataError('OBJECT_DAMAGED', `part ${countsPart} does not hold the rows of tables`, {
      hint: 'Use another backup (`backupdata list`).',
      cause,
    });
  }
}

/** What differs from what was counted in the source, a clause for each table. */
export function differencesOf(expected: RowCounts, found: RowCounts): string[] {
  return [...expected].flatMap(([table, rows]) => {
    const restored = found.get(table);
    return restored === rows ? [] : [`${table} has ${restored ?? 'no table and no'} rows instead of ${rows}`];
  });
}
