import type { EngineContext } from '../engine.ts';
import type { RowCounts } from '../row-counts.ts';
import { runSql, sqlName, sqlText } from './run-sql.ts';

/** How many statements one start of the program is given: their text is part of its arguments, which have a limit. */
const together = 200;

/** The rows of every table, those of virtual ones by the tables that they are made of. */
export async function countRows(path: string, context: EngineContext): Promise<RowCounts> {
  const tables = await listTables(path, context);
  const counts = new Map<string, number>();
  for (let from = 0; from < tables.length; from += together) {
    const statements = tables
      .slice(from, from + together)
      .map((name) => `SELECT ${sqlText(name)} AS name, count(*) AS rows FROM ${sqlName(name)}`);
    for (const row of await runSql<{ name: string; rows: number }>({ path, statements }, context))
      counts.set(row.name, row.rows);
  }
  return counts;
}

/** Every table that has pages of its own. */
export async function listTables(path: string, context: EngineContext): Promise<string[]> {
  const rows = await runSql<{ name: string }>(
    {
      path,
      statements: [
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name",
      ],
    },
    context,
  );
  return rows.map(({ name }) => name);
}
