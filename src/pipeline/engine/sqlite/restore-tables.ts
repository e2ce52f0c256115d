import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import { succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { sqliteFailure } from './failures.ts';
import { identifierOf, literalOf, rowsOf, runSql } from './shell.ts';
import { copyDatabase } from './source-file.ts';
import { isThere } from './target-file.ts';

export interface TablesRequest {
  /** The restored copy. */
  from: string;
  /** The target, which stays as it is; it may be missing or empty. */
  base: string;
  /** An empty file: a copy of the target, and in it these tables in the place of its own. */
  to: string;
  tables: readonly string[];
}

interface SchemaRow {
  type: 'table' | 'index' | 'trigger';
  name: string;
  sql: string;
}

interface Table {
  name: string;
  wr: number;
  type: string;
}

interface Column {
  name: string;
  pk: number;
  type: string;
}

/** With their rows, indexes and triggers. TABLE_NOT_FOUND before anything is written; USAGE for a virtual table. */
export async function copyTables(request: TablesRequest, context: EngineContext): Promise<void> {
  const tables = await chooseTables(request, context);
  const statements = [];
  for (const table of tables) statements.push(...(await statementsFor(table, request.from, context)));
  if (await isThere(request.base)) await copyDatabase({ from: request.base, to: request.to }, context);
  const sql = [
    `ATTACH ${literalOf(request.from)} AS backup`,
    'BEGIN IMMEDIATE',
    ...statements,
    'COMMIT',
    'DETACH backup',
  ].join(';\n');
  const { stdout: _, ...exit } = await runSql({ path: request.to, sql, write: true }, context);
  if (!succeeded(exit)) throw sqliteFailure(exit, request.to, 'RESTORE_FAILED');
}

async function chooseTables({ from, tables }: TablesRequest, context: EngineContext): Promise<Table[]> {
  const sql =
    "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual', 'shadow')";
  const present = await rowsOf<Table>({ path: from, sql }, context);
  return tables.map((typed) => {
    const table = present.find(({ name }) => [name, `main.${name}`].includes(typed));
    if (!table || table.name.startsWith('sqlite_'))
      throw new BackupDataError('TABLE_NOT_FOUND', `the backup has no table ${typed}`, {
        hint: `It has ${listSome(present.filter(({ type, name }) => type === 'table' && !name.startsWith('sqlite_')).map(({ name }) => name)) || 'none'}.`,
      });
    if (table.type === 'table') return table;
    throw new BackupDataError('USAGE', `${typed} is a ${table.type} table, which is several tables in one`, {
      hint: 'Restore the whole backup to another file, and copy from there.',
    });
  });
}

async function statementsFor(table: Table, from: string, context: EngineContext): Promise<string[]> {
  const own = `FROM sqlite_schema WHERE tbl_name = ${literalOf(table.name)} AND sql IS NOT NULL AND type <> 'view'`;
  const schema = await rowsOf<SchemaRow>({ path: from, sql: `SELECT type, name, sql ${own}` }, context);
  const of = (type: SchemaRow['type']): string[] =>
    schema.filter((row) => row.type === type).map(({ sql }) => sql);
  const name = identifierOf(table.name);
  const columns = (await columnsOf(table, from, context)).map(identifierOf).join(', ');
  return [
    `DROP TABLE IF EXISTS main.${name}`,
    ...of('table'),
    `INSERT INTO main.${name} (${columns}) SELECT ${columns} FROM backup.${name}`,
    ...(await sequenceOf(table, from, context)),
    ...of('index'),
    ...of('trigger'),
  ];
}

/** Those that are stored; and the row's number, where nothing else stands for it. */
async function columnsOf({ name, wr }: Table, from: string, context: EngineContext): Promise<string[]> {
  const sql = `SELECT name, pk, type FROM pragma_table_xinfo(${literalOf(name)}) WHERE hidden = 0`;
  const columns = await rowsOf<Column>({ path: from, sql }, context);
  const names = columns.map((column) => column.name);
  const keys = columns.filter(({ pk }) => pk > 0);
  const isNumbered = keys.length === 1 && keys[0]?.type.toUpperCase() === 'INTEGER';
  const taken = names.some((each) => each.toLowerCase() === 'rowid');
  return wr === 1 || isNumbered || taken ? names : ['rowid', ...names];
}

/** Where AUTOINCREMENT goes on. */
async function sequenceOf({ name }: Table, from: string, context: EngineContext): Promise<string[]> {
  const sql = "SELECT 1 AS there FROM sqlite_schema WHERE name = 'sqlite_sequence'";
  if ((await rowsOf({ path: from, sql }, context)).length === 0) return [];
  const literal = literalOf(name);
  const rows = await rowsOf(
    { path: from, sql: `SELECT seq FROM sqlite_sequence WHERE name = ${literal}` },
    context,
  );
  if (rows.length === 0) return [];
  return [
    `DELETE FROM main.sqlite_sequence WHERE name = ${literal}`,
    `INSERT INTO main.sqlite_sequence (name, seq) SELECT name, seq FROM backup.sqlite_sequence WHERE name = ${literal}`,
  ];
}
