import type { SourceOf } from '../../../shared/config/schema.ts';
import { matchesPattern } from '../../../shared/config/servers.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import { isCurrent } from './same-name.ts';
import { identifier, type Session } from './session.ts';
import { type Flavour, products } from './version.ts';

/** What the configuration says of how much is dumped, and how. */
export type DumpOptions = Pick<
  SourceOf<'mysql'>,
  'tables' | 'schemaOnly' | 'extraArguments' | 'lockTimeout' | 'statementTimeout'
>;

/** Which of a database's tables, views and sequences are not dumped, and which only without their rows. */
export interface Selection {
  left: ReadonlySet<string>;
  withoutRows: readonly string[];
}

/**
 * Asks the session's database what it holds. CONFIG_INVALID for a pattern of `include` that nothing matches, and where what is
 * dumped could not be restored because it needs what is left out.
 */
export async function selectTables({ query }: Session, { tables }: DumpOptions): Promise<Selection> {
  const { include, exclude, excludeData } = tables;
  if (include.length + exclude.length + excludeData.length === 0) return { left: new Set(), withoutRows: [] };
  const rows = await query<{ name: string }>(
    `SELECT JSON_OBJECT('name', TABLE_NAME) FROM information_schema.TABLES WHERE ${isCurrent('TABLE_SCHEMA')};`,
  );
  const selection = select(
    rows.map(({ name }) => name),
    tables,
  );
  if (selection.left.size > 0) refuseNeeded(await query<DefinedRow>(definedQuery), selection);
  return selection;
}

/** A view, or a table with a default value, in the server's own words: it names the database wherever it needs something. */
interface DefinedRow {
  database: string;
  name: string;
  text: string;
}

const definedQuery = `
  SELECT JSON_OBJECT('database', TABLE_SCHEMA, 'name', TABLE_NAME, 'text', VIEW_DEFINITION)
    FROM information_schema.VIEWS WHERE ${isCurrent('TABLE_SCHEMA')} ORDER BY TABLE_NAME;
  SELECT JSON_OBJECT('database', TABLE_SCHEMA, 'name', TABLE_NAME, 'text', COLUMN_DEFAULT)
    FROM information_schema.COLUMNS WHERE ${isCurrent('TABLE_SCHEMA')} AND COLUMN_DEFAULT LIKE '%val(%'
      AND TABLE_NAME NOT IN (SELECT TABLE_NAME FROM information_schema.VIEWS WHERE ${isCurrent('TABLE_SCHEMA')})
    ORDER BY TABLE_NAME, ORDINAL_POSITION;`;

function refuseNeeded(rows: readonly DefinedRow[], { left }: Selection): void {
  const needs = rows
    .filter(({ name }) => !left.has(name))
    .flatMap(({ database, name, text }) =>
      [...left]
        .filter((each) => text.includes(`${identifier(database)}.${identifier(each)}`))
        .map((each) => `${name} needs ${each}`),
    );
  if (needs.length === 0) return;
  throw invalid(
    `a backup of this selection could not be restored, because what is needed is left out: ${listSome(needs)}`,
    'Leave out what needs it too, or take it in; excludeData leaves out only the rows of a table.',
  );
}

/** CONFIG_INVALID for a pattern of `include` that matches no name. */
export function select(
  names: readonly string[],
  { include, exclude, excludeData }: DumpOptions['tables'],
): Selection {
  const idle = include.find((pattern) => !names.some((name) => matchesPattern(pattern, name)));
  if (idle !== undefined)
    throw new BackupDataError('CONFIG_INVALID', `tables.include: nothing in the database matches "${idle}"`, {
      hint: 'Correct the pattern, or take it out: a backup that lacks what it should hold must not pass for one.',
    });
  const left = names.filter((name) => isLeft(name, { include, exclude }));
  return {
    left: new Set(left),
    withoutRows: names.filter((name) => matchesAny(excludeData, name) && !left.includes(name)),
  };
}

/** Whether a table's rows are dumped. */
export function takesRows({ tables, schemaOnly }: DumpOptions, name: string): boolean {
  return !schemaOnly && !isLeft(name, tables) && !matchesAny(tables.excludeData, name);
}

export function isLeft(
  name: string,
  { include, exclude }: Pick<DumpOptions['tables'], 'include' | 'exclude'>,
): boolean {
  return (include.length > 0 && !matchesAny(include, name)) || matchesAny(exclude, name);
}

function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, name));
}

/** What a dump program is told of it. CONFIG_INVALID for what this product's program cannot do. */
export function selectionArguments(
  { database, flavour }: { database: string; flavour: Flavour },
  options: DumpOptions,
  { left, withoutRows }: Selection,
): readonly string[] {
  refuseUnable(flavour, options);
  return [
    ...[...left].map((name) => `--ignore-table=${database}.${name}`),
    ...withoutRows.map((name) => `--ignore-table-data=${database}.${name}`),
    ...(options.schemaOnly ? ['--no-data'] : []),
    ...(options.statementTimeout === null ? [] : [`--max-statement-time=${options.statementTimeout / 1000}`]),
    ...options.extraArguments,
  ];
}

/** A dump that is not of everything says so in the manifest. */
export function selectionNotes({ tables, schemaOnly }: DumpOptions): string[] {
  const { include, exclude, excludeData } = tables;
  return [
    ...(include.length > 0 ? [`only the tables that match ${include.join(', ')}`] : []),
    ...(exclude.length > 0 ? [`without the tables that match ${exclude.join(', ')}`] : []),
    ...(excludeData.length > 0
      ? [`without the rows of the tables that match ${excludeData.join(', ')}`]
      : []),
    ...(schemaOnly ? ['definitions only, no rows'] : []),
  ];
}

/** Change how rows are written or sent, and never what is in the dump. */
const harmless =
  /^--(compress|order-by-primary|order-by-size|complete-insert|skip-extended-insert|no-autocommit|(max-allowed-packet|net-buffer-length)=\d+[KMG]?)$/;

function refuseUnable(
  flavour: Flavour,
  { tables, extraArguments, lockTimeout, statementTimeout }: DumpOptions,
): void {
  const other = extraArguments.find((argument) => !harmless.test(argument));
  if (other !== undefined)
    throw invalid(
      `extraArguments: ${other.split('=', 1)[0]} is not let through`,
      'docs/engines/mysql.md lists what is.',
    );
  if (lockTimeout !== null)
    throw invalid(
      'lockTimeout: the dump program has no such limit',
      'Take it out; maxDuration ends a run that hangs.',
    );
  if (flavour === 'mariadb') return;
  const hint = `It is known to MariaDB's program only; take it out for ${products.mysql}.`;
  if (tables.excludeData.length > 0)
    throw invalid('tables.excludeData: mysqldump cannot leave out the rows of a table', hint);
  if (statementTimeout !== null) throw invalid('statementTimeout: mysqldump has no such limit', hint);
}

function invalid(message: string, hint: string): BackupDataError {
  return new BackupDataError('CONFIG_INVALID', message, { hint });
}
