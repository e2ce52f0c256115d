import type { EngineContext } from '../engine.ts';
import type { RowCounts } from '../row-counts.ts';
import { identifierOf, linesOf, rowsOf } from './shell.ts';

/** Counts the rows of every table that a file holds itself; those of virtual tables stand in theirs. */
export async function countRows(path: string, context: EngineContext): Promise<RowCounts> {
  const sql =
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND substr(name, 1, 7) <> 'sqlite_'";
  const counts = new Map<string, number>();
  // One after the other: SQLite joins only so many by UNION.
  for (const { name } of await rowsOf<{ name: string }>({ path, sql }, context)) {
    const [rows] = await linesOf({ path, sql: `SELECT count(*) FROM ${identifierOf(name)}` }, context);
    counts.set(nameOf(name), Number(rows));
  }
  return counts;
}

/** For the record: quoted where it is no plain word. */
function nameOf(table: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(table) ? table : identifierOf(table);
}
