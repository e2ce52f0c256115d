import { BackupDataError } from '../../../shared/errors.ts';
import type { EngineContext } from '../engine.ts';
import { runSql, sqlName, sqlText } from './run-sql.ts';

interface SchemaRow {
  type: 'table' | 'index' | 'trigger';
  name: string;
  table: string;
  sql: string;
}

/** TABLE_NOT_FOUND for what the backup lacks, USAGE for a virtual table, which is made of several others. */
export async function refuseUnknown(
  copy: string,
  tables: readonly string[],
  context: EngineContext,
): Promise<void> {
  const rows = await runSql<{ name: string; rootpage: number }>(
    { path: copy, statements: ["SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'"] },
    context,
  );
  const found = new Map(rows.map(({ name, rootpage }) => [name, rootpage]));
  const lacking = tables.find((name) => !found.has(name) || name.startsWith('sqlite_'));
  if (lacking !== undefined)
    throw new BackupDataError('TABLE_NOT_FOUND', `the backup has no table "${lacking}"`, {
      hint: 'Write the name as it was made, without a schema; restore to a new file to see what there is.',
    });
  const virtual = tables.find((name) => found.get(name) === 0);
  if (virtual === undefined) return;
  throw new BackupDataError('USAGE', `"${virtual}" is a virtual table, which cannot be restored alone`, {
    hint: 'Restore the whole backup to a new file, and copy from there.',
  });
}

/** Those that the target has, whatever the case of their letters, as views too: they would be in the way. */
export async function presentTables(
  path: string,
  tables: readonly string[],
  context: EngineContext,
): Promise<string[]> {
  const rows = await runSql<{ name: string; type: string }>(
    {
      path,
      statements: [
        `SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND lower(name) IN (${lowered(tables)})`,
      ],
    },
    context,
  );
  const view = rows.find(({ type }) => type === 'view');
  if (!view) return rows.map(({ name }) => name);
  throw new BackupDataError('TARGET_EXISTS', `${path} has a view "${view.name}" where the table would be`, {
    hint: 'Drop the view, or restore to another file.',
  });
}

/** One transaction that replaces the tables, with their indexes, triggers and counters; no statement has a dot in front. */
export async function copyStatements(
  { copy, tables, present }: { copy: string; tables: readonly string[]; present: readonly string[] },
  context: EngineContext,
): Promise<string[]> {
  const objects = await runSql<SchemaRow>(
    {
      path: copy,
      statements: [
        `SELECT type, name, tbl_name AS "table", sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND type IN ('table', 'index', 'trigger') AND tbl_name IN (${listed(tables)})`,
      ],
    },
    context,
  );
  const made = (type: SchemaRow['type']): string[] =>
    objects.filter((each) => each.type === type).map(({ sql }) => sql);
  const inserts: string[] = [];
  for (const table of tables) inserts.push(await insertStatement(copy, table, context));
  return [
    'PRAGMA foreign_keys = OFF',
    `ATTACH ${sqlText(copy)} AS backup`,
    'BEGIN IMMEDIATE',
    ...present.map((name) => `DROP TABLE main.${sqlName(name)}`),
    ...made('table'),
    ...inserts,
    ...(await countersOf(copy, tables, context)),
    ...made('index'),
    ...made('trigger'),
    'COMMIT',
  ];
}

/** What is generated is not inserted. */
async function insertStatement(copy: string, table: string, context: EngineContext): Promise<string> {
  const rows = await runSql<{ name: string }>(
    {
      path: copy,
      statements: [`SELECT name FROM pragma_table_xinfo(${sqlText(table)}) WHERE hidden = 0`],
    },
    context,
  );
  const columns = rows.map(({ name }) => sqlName(name)).join(', ');
  return `INSERT INTO main.${sqlName(table)} (${columns}) SELECT ${columns} FROM backup.${sqlName(table)}`;
}

/** The next number of AUTOINCREMENT, which rows that are gone have used. */
async function countersOf(
  copy: string,
  tables: readonly string[],
  context: EngineContext,
): Promise<string[]> {
  const rows = await runSql<{ name: string }>(
    { path: copy, statements: ["SELECT name FROM sqlite_schema WHERE name = 'sqlite_sequence'"] },
    context,
  );
  if (rows.length === 0) return [];
  const counted = await runSql<{ name: string }>(
    {
      path: copy,
      statements: [`SELECT name FROM sqlite_sequence WHERE name IN (${listed(tables)})`],
    },
    context,
  );
  return counted.flatMap(({ name }) => [
    `DELETE FROM main.sqlite_sequence WHERE name = ${sqlText(name)}`,
    `INSERT INTO main.sqlite_sequence SELECT * FROM backup.sqlite_sequence WHERE name = ${sqlText(name)}`,
  ]);
}

function listed(tables: readonly string[]): string {
  return tables.map(sqlText).join(', ');
}

function lowered(tables: readonly string[]): string {
  return listed(tables.map((name) => name.toLowerCase()));
}
