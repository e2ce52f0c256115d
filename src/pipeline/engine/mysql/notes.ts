import { listSome } from '../../../shared/list-some.ts';
import type { InspectionRow, TableColumn } from './inspection-query.ts';
import { type DumpOptions, isLeft, takesRows } from './selection.ts';

/** How the note begins that a restore under another name repeats. */
export const namesItself = 'restored under another name these still use the database of this name';

/** How the note begins for which a server that does not know case is refused. */
export const alikeNames = 'one and the same where the case of names does not count';

/** What a backup does not have as the server has it; of tables only those whose rows are asked for. */
export function notesOn(rows: readonly InspectionRow[], options: DumpOptions): string[] {
  const isTaken = (name: string): boolean => takesRows(options, name);
  const withEngine = (tables: readonly { name: string; engine: string }[]): string[] =>
    tables.filter(({ name }) => isTaken(name)).map(({ name, engine }) => `${name} (${engine})`);
  const elsewhere = rows.flatMap((row) => row.elsewhere ?? []);
  const isWritten = ({ table }: TableColumn): boolean =>
    isTaken(table) && !elsewhere.some(({ name }) => name === table);
  return [
    ...noteOf(
      'not of one moment with the rest, because their storage engine has no transactions',
      withEngine(rows.flatMap(({ unsteady }) => unsteady ?? [])),
    ),
    ...noteOf(
      'not at all in this backup, because the dump program leaves out their storage engine',
      withEngine(elsewhere.filter(({ engine }) => engine === 'S3')),
    ),
    ...noteOf(
      'without their rows, which their storage engine keeps elsewhere',
      withEngine(elsewhere.filter(({ engine }) => engine !== 'S3')),
    ),
    ...noteOf(
      'restored to six digits only, as the dump program prints FLOAT',
      columnsIn(rows.flatMap(({ rounded }) => rounded ?? []).filter(isWritten)),
    ),
    ...noteOf(
      'bytes that their character set does not define come back as "?"',
      columnsIn(rows.flatMap(({ lossy }) => lossy ?? []).filter(isWritten)),
    ),
    ...noteOf(alikeNames, alikeIn(rows, options)),
    ...noteOf(
      namesItself,
      rows.flatMap(({ naming }) => naming ?? []),
    ),
    ...noteOf(
      'events that do not run on a replica, and not where they are restored until they are enabled',
      rows.flatMap(({ replicated }) => replicated ?? []),
    ),
    ...noteOf(
      'without the history that these tables keep of their rows',
      rows.flatMap(({ versioned }) => versioned ?? []).filter(isTaken),
    ),
  ];
}

function alikeIn(rows: readonly InspectionRow[], { tables }: DumpOptions): string[] {
  const names = rows.flatMap(({ alike }) => alike ?? []).filter((name) => !isLeft(name, tables));
  const groups = Map.groupBy(names, (name) => name.toLowerCase());
  return [...groups.values()].filter((group) => group.length > 1).flat();
}

/** `TABLE (COLUMN, COLUMN)` of each table. */
function columnsIn(columns: readonly TableColumn[]): string[] {
  return Array.from(
    Map.groupBy(columns, ({ table }) => table),
    ([table, each]) => `${table} (${each.map(({ column }) => column).join(', ')})`,
  );
}

function noteOf(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${what}: ${listSome(names, 10)}`];
}
