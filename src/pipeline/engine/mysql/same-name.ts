/**
 * Whether a column of the server's own tables holds that very name, in SQL. Their comparison knows neither case nor accents,
 * though databases are told apart by both: only where the server is told to does case not count.
 */
export function isSameName(column: string, name: string): string {
  return `(${column} = ${name} AND ${bytesOf(column)} = ${bytesOf(name)})`;
}

/** Whether it holds the name of the session's database. */
export function isCurrent(column: string): string {
  return isSameName(column, 'DATABASE()');
}

function bytesOf(name: string): string {
  return `CAST(IF(@@lower_case_table_names = 0, ${name}, LOWER(${name})) AS BINARY)`;
}
